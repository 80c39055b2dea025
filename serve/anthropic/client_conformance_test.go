//go:build conformance

package anthropic

import (
	"testing"

	"trit/serve/internal/servetest"
)

// TestClient makes the calls of Anthropic's own client.
func TestClient(t *testing.T) {
	const before = `const c = new lib.Anthropic({baseURL: url, apiKey: "none", maxRetries: 0});
const messages = [{role: "user", content: "hi"}], p = {model: "tiny", max_tokens: 9, messages};
const tools = [{name: "weather", input_schema: {type: "object", properties: {town: {type: "string"}}}}];
const say = (...v) => console.log(v.map((x) => JSON.stringify(x)).join(" "));
const fails = async (f) => { try { await f(); say("no error") } catch (e) {
	say(e.constructor._errorName ?? e.constructor.name, e.status ?? 0, e.type, e.errorCode, e.error.error.message) } };
`
	for name, c := range map[string]struct {
		model        *servetest.Model
		script, want string
	}{
		"plain": {
			&servetest.Model{Texts: []string{"<think>hm</think>", "Hello"}, Stop: "x"},
			`const m = await c.messages.create({...p, stop_sequences: ["x"]});
say(m.role, m.content.map((b) => b.text ?? b.thinking), m.stop_reason, m.stop_sequence, m.usage.output_tokens)`,
			`"assistant" ["hm","Hello"] "stop_sequence" "x" 2`,
		},
		"raw stream": {
			&servetest.Model{Texts: []string{"He", "llo"}},
			`const all = []; for await (const e of await c.messages.create({...p, stream: true})) all.push(e.delta?.text ?? e.type); say(all)`,
			`["message_start","content_block_start","He","llo","content_block_stop","message_delta","message_stop"]`,
		},
		"stream": {
			&servetest.Model{Texts: []string{"<think>h", "m</think>", "Hel", "lo"}},
			`const s = c.messages.stream(p); const texts = []; s.on("text", (x) => texts.push(x));
const m = await s.finalMessage(); say(texts, m.content.map((b) => b.text ?? b.thinking), m.stop_reason, m.usage.output_tokens, m.usage.input_tokens > 0)`,
			`["Hel","lo"] ["hm","Hello"] "end_turn" 4 true`,
		},
		"tools": {
			&servetest.Model{Texts: []string{call}},
			`const m = await c.messages.create({...p, tools, tool_choice: {type: "any"}}); const b = m.content[0];
say(m.stop_reason, b.type, b.name, b.input);
const n = await c.messages.create({...p, tools, messages: [...messages, m, {role: "user", content: [{type: "tool_result", tool_use_id: b.id, content: "sunny"}]}].map(({role, content}) => ({role, content}))});
say(n.stop_reason)`,
			`"tool_use" "tool_use" "weather" {"town":"Rome"}` + "\n" + `"tool_use"`,
		},
		"stream of tools": {
			&servetest.Model{Texts: []string{"I look.", call}},
			`const s = c.messages.stream({...p, tools}); const m = await s.finalMessage(); say(m.content[0].text, m.content[1].input, m.stop_reason)`,
			`"I look." {"town":"Rome"} "tool_use"`,
		},
		"schema": {
			&servetest.Model{Texts: []string{`{"town": "Rome"}`}},
			`const m = await c.messages.parse({...p, output_config: {format: {type: "json_schema", schema: {type: "object"}}}}); say(m.content[0].text)`,
			`"{\"town\": \"Rome\"}"`,
		},
		"count": {
			&servetest.Model{},
			`const n = await c.messages.countTokens({model: "tiny", messages, system: "be brief", tools}); say(n.input_tokens > 10)`,
			`true`,
		},
		"errors": {
			&servetest.Model{Texts: []string{"a"}, Err: servetest.ErrSecret},
			`await fails(() => c.messages.create({...p, model: "big"}));
await fails(() => c.messages.create({...p, max_tokens: 0}));
await fails(() => c.messages.create({...p, messages: [{role: "user", content: [{type: "image", source: {}}]}]}));
await fails(() => c.messages.create(p));
await fails(async () => { for await (const e of await c.messages.create({...p, stream: true})); })`,
			`"NotFoundError" 404 "not_found_error" "model_not_found" "model: there is no model \"big\": there are tiny"
"BadRequestError" 400 "invalid_request_error" "invalid_input" "max_tokens: is 0: want 1 or more"
"BadRequestError" 400 "invalid_request_error" "not_supported" "messages[0].content[0].type: is \"image\": want text or tool_result, which the models read"
"InternalServerError" 500 "api_error" "internal_error" "the server failed: its log says why"
"APIError" 0 "api_error" "internal_error" "the server failed: its log says why"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, c.model)
			if got := servetest.Node(t, "@anthropic-ai/sdk", url, before+c.script); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
