// Calls of npm's openai to servers of scripted models, whose addresses are the argument.
const OpenAI = require("openai");
const assert = require("node:assert/strict");

const urls = JSON.parse(process.argv[2]);
const client = (name) => new OpenAI({ baseURL: urls[name] + "/v1", apiKey: "none", maxRetries: 0 });
const chat = { model: "tiny", messages: [{ role: "user", content: "hi" }] };
const schema = { type: "object", properties: { town: { type: "string" } }, required: ["town"], additionalProperties: false };
const tools = [{ type: "function", function: { name: "weather", parameters: schema, strict: true } }];
const place = { type: "json_schema", json_schema: { name: "place", schema, strict: true } };

async function chats() {
  const whole = await client("text").chat.completions.create({ ...chat, n: 2, logprobs: true, top_logprobs: 2 });
  assert.deepEqual(whole.choices.map((c) => [c.index, c.message.content, c.finish_reason]), [[0, "Hi you", "stop"], [1, "Hi you", "stop"]]);
  assert.equal(whole.choices[1].logprobs.content[1].top_logprobs.length, 2);
  assert.equal(whole.usage.completion_tokens, 4);

  const stream = client("text").chat.completions.stream({ ...chat, stream_options: { include_usage: true } });
  let text = "";
  stream.on("content", (delta) => (text += delta));
  const last = await stream.finalChatCompletion();
  assert.equal(text, "Hi you");
  assert.equal(last.choices[0].message.content, "Hi you");
  assert.equal((await stream.totalUsage()).completion_tokens, 2);

  const called = await client("tool").chat.completions.create({ ...chat, tools, tool_choice: "auto" });
  const message = called.choices[0].message;
  assert.equal(message.content, null);
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { town: "Rome" });
  assert.equal(called.choices[0].finish_reason, "tool_calls");
  const back = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
  await client("text").chat.completions.create({ ...chat, tools, messages: [...chat.messages, message, back] });
  const calls = client("tool").chat.completions.stream({ ...chat, tools });
  const streamed = (await calls.finalChatCompletion()).choices[0].message;
  assert.equal(streamed.tool_calls[0].function.name, "weather");
  back.tool_call_id = streamed.tool_calls[0].id;
  await client("text").chat.completions.create({ ...chat, tools, messages: [...chat.messages, streamed, back] });

  const parsed = await client("json").chat.completions.parse({ ...chat, response_format: place });
  assert.equal(JSON.parse(parsed.choices[0].message.content).town, "Rome");
}

async function responses() {
  const whole = await client("text").responses.create({ model: "tiny", input: "hi", store: false });
  assert.equal(whole.output_text, "Hi you");
  assert.equal(whole.status, "completed");

  // The client's accumulator checks that each event fits those before it.
  const flat = [{ type: "function", name: "weather", parameters: schema, strict: true }];
  const stream = client("tool").responses.stream({ model: "tiny", input: "hi", tools: flat });
  const types = [];
  stream.on("event", (event) => types.push(event.type));
  const last = await stream.finalResponse();
  assert.equal(types[0], "response.created");
  assert.equal(types.at(-1), "response.completed");
  assert.ok(types.includes("response.function_call_arguments.done"));
  assert.deepEqual(last.output.map((item) => item.type), ["reasoning", "function_call"]);
  assert.equal(last.output[0].content[0].text, "hm");

  const output = { type: "function_call_output", call_id: last.output[1].call_id, output: "sunny" };
  const input = [{ role: "user", content: "hi" }, ...last.output, output];
  const second = await client("text").responses.create({ model: "tiny", input, tools: flat });
  assert.equal(second.output_text, "Hi you");

  const text = { format: { type: "json_schema", name: "place", schema, strict: true } };
  assert.equal(JSON.parse((await client("json").responses.create({ model: "tiny", input: "hi", text })).output_text).town, "Rome");
}

async function others() {
  const completion = await client("text").completions.create({ model: "tiny", prompt: ["a", "b"], max_tokens: 3, logprobs: 1 });
  assert.deepEqual(completion.choices.map((c) => c.text), ["Hi you", "Hi you"]);
  let text = "";
  for await (const part of await client("text").completions.create({ model: "tiny", prompt: "a", stream: true })) {
    text += part.choices[0].text;
  }
  assert.equal(text, "Hi you");

  // The client asks for base64, and decodes it.
  const vectors = await client("text").embeddings.create({ model: "tiny", input: ["hi", "you"] });
  const floats = await client("text").embeddings.create({ model: "tiny", input: ["hi", "you"], encoding_format: "float" });
  assert.deepEqual([...vectors.data[1].embedding].map(Math.fround), floats.data[1].embedding.map(Math.fround));

  const models = await client("text").models.list();
  assert.equal(models.data[0].id, "tiny");
}

async function errors() {
  const gone = await client("text").chat.completions.create({ ...chat, model: "gpt" }).catch((e) => e);
  assert.ok(gone instanceof OpenAI.NotFoundError);
  assert.deepEqual([gone.status, gone.code, gone.param, gone.type], [404, "model_not_found", "model", "invalid_request_error"]);
  const wrong = await client("text").responses.create({ model: "tiny", input: "hi", background: true }).catch((e) => e);
  assert.ok(wrong instanceof OpenAI.BadRequestError);
  assert.deepEqual([wrong.code, wrong.param], ["not_supported", "background"]);
  const busy = await client("busy").chat.completions.create({ ...chat, stream: true }).catch((e) => e);
  assert.ok(busy instanceof OpenAI.RateLimitError);
  assert.equal(busy.code, "server_overloaded");
  const late = await client("late").chat.completions.stream(chat).finalChatCompletion().catch((e) => e);
  assert.equal(late.code, "internal_error");
}

Promise.all([chats(), responses(), others(), errors()]).then(() => console.log("all calls answered"));
