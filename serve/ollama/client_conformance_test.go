//go:build conformance

package ollama

import (
	"testing"

	"trit/serve/internal/servetest"
)

// TestClient makes the calls of Ollama's own client.
func TestClient(t *testing.T) {
	const before = `const c = new lib.Ollama({host: url});
const messages = [{role: "user", content: "hi"}], p = {model: "tiny:latest", messages};
const tools = [{type: "function", function: {name: "weather", description: "of a town", parameters: {type: "object", properties: {town: {type: "string"}}}}}];
const say = (...v) => console.log(v.map((x) => JSON.stringify(x)).join(" "));
const fails = async (f) => { try { await f(); say("no error") } catch (e) { say(e.name, e.status_code ?? 0, e.message) } };
`
	const call = `<tool_call>{"name": "weather", "arguments": {"town": "Rome"}}</tool_call>`
	for name, c := range map[string]struct {
		model        *servetest.Model
		script, want string
	}{
		"chat": {
			&servetest.Model{Texts: []string{"<think>hm</think>", "Hello"}},
			`const m = await c.chat({...p, think: true, keep_alive: "5m", options: {temperature: 0.5, num_ctx: 4096}});
say(m.model, m.message, m.done, m.done_reason, m.eval_count, m.prompt_eval_duration)`,
			`"tiny:latest" {"role":"assistant","content":"Hello","thinking":"hm"} true "stop" 2 3000000000`,
		},
		"stream": {
			&servetest.Model{Texts: []string{"Hel", "lo"}},
			`const all = []; for await (const m of await c.chat({...p, stream: true})) all.push(m.message.content, m.done); say(all)`,
			`["Hel",false,"lo",false,"",true]`,
		},
		"tools": {
			&servetest.Model{Texts: []string{call}},
			`const m = await c.chat({...p, tools}); const f = m.message.tool_calls[0].function; say(f.name, f.arguments);
const n = await c.chat({...p, tools, messages: [...messages, m.message, {role: "tool", tool_name: "weather", content: "sunny"}]}); say(n.done)
for await (const m of await c.chat({...p, tools, stream: true})) say(m.message.tool_calls?.[0].function.arguments ?? m.done_reason)`,
			`"weather" {"town":"Rome"}` + "\ntrue\n" + `{"town":"Rome"}` + "\n" + `"stop"`,
		},
		"forms": {
			&servetest.Model{Texts: []string{`{"town": "Rome"}`}},
			`for (const format of ["json", {type: "object"}]) say(JSON.parse((await c.chat({...p, format})).message.content))`,
			`{"town":"Rome"}` + "\n" + `{"town":"Rome"}`,
		},
		"continuations": {
			&servetest.Model{Texts: []string{"Hel", "lo"}},
			`const g = {model: "tiny", prompt: "hi", system: "be brief"}; say((await c.generate(g)).response);
for await (const m of await c.generate({...g, stream: true})) say(m.response, m.done);
say((await c.generate({model: "tiny", prompt: "hi", raw: true})).eval_count)`,
			"\"Hello\"\n\"Hel\" false\n\"lo\" false\n\"\" true\n2",
		},
		"embeddings": {
			&servetest.Model{},
			`say((await c.embed({model: "tiny", input: ["a", "b"]})).embeddings, (await c.embeddings({model: "tiny", prompt: "a"})).embedding)`,
			`[[0.6,0.8],[0.6,0.8]] [0.6,0.8]`,
		},
		"models": {
			&servetest.Model{},
			`const [m] = (await c.list()).models, s = await c.show({model: "tiny"}), [l] = (await c.ps()).models;
say(m.name, m.size, m.details.family, s.capabilities, l.name, (await c.version()).version)`,
			`"tiny" 70 "bitnet-b1.58" ["completion","tools"] "tiny" "0.12.11"`,
		},
		"errors": {
			&servetest.Model{Texts: []string{"a"}, Err: servetest.ErrSecret},
			`await fails(() => c.chat({...p, model: "big"}));
await fails(() => c.chat({...p, options: {mirostat: 2}}));
await fails(() => c.pull({model: "tiny"}));
await fails(() => c.delete({model: "tiny"}));
await fails(() => c.chat(p));
await fails(async () => { for await (const m of await c.chat({...p, stream: true})); })`,
			`"ResponseError" 404 "model: there is no model \"big\": there are tiny"
"ResponseError" 400 "options.mirostat: is not supported: want 0, which is off"
"ResponseError" 400 "the models of this server cannot be changed over HTTP: start it with the files that it is to serve"
"ResponseError" 400 "the models of this server cannot be changed over HTTP: start it with the files that it is to serve"
"ResponseError" 500 "the server failed: its log says why"
"Error" 0 "the server failed: its log says why"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, servetest.ThinkingTemplate, c.model)
			if got := servetest.Node(t, "ollama", url, before+c.script); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
