// Encodes the strings of make_llamacpp.py with llama.cpp v0.5.0, by the npm package
// node-llama-cpp 3.22.1, without special tokens around them:
//   node encode_llamacpp.mjs OUT llamacpp.json
// Names with the same ids for all strings share an entry; bos is whether it puts BOS before
// a text where the file does not say so.
import fs from "fs";
import { getLlama } from "node-llama-cpp";

const [dir, target] = process.argv.slice(2);
const { names, strings } = JSON.parse(fs.readFileSync(`${dir}/names.json`));
const llama = await getLlama({ gpu: false, build: "never", logLevel: "disabled" });
const splits = new Map();
for (const name of names) {
  const model = await llama.loadModel({ modelPath: `${dir}/${name}.gguf`, vocabOnly: true });
  const ids = strings.map((s) => model.tokenize(s, true));
  const key = JSON.stringify([model.tokens.shouldPrependBosToken, ids]);
  if (!splits.has(key)) splits.set(key, { names: [], bos: model.tokens.shouldPrependBosToken, ids });
  splits.get(key).names.push(name);
  await model.dispose();
}
fs.writeFileSync(target, JSON.stringify({ strings, splits: [...splits.values()] }));
process.exit(0);
