// Encodes the strings of make_llamacpp.py with the npm package @anush008/tokenizers, which is
// Hugging Face's Rust library, where llama.cpp approximates a model's split or composes no
// characters. OUT holds a tokenizer.json for each name, made of the same vocabulary:
//   node encode_splits.js OUT llamacpp.json splits_rust.json
const fs = require("fs");
const { Tokenizer } = require("@anush008/tokenizers");

(async () => {
  const [dir, vectors, target] = process.argv.slice(2);
  const { strings } = JSON.parse(fs.readFileSync(vectors));
  const out = {};
  for (const name of ["falcon", "qwen2", "qwen35", "tekken", "gpt-4o", "deepseek-llm", "deepseek-coder"]) {
    const t = Tokenizer.fromString(fs.readFileSync(`${dir}/${name}.json`, "utf8"));
    out[name] = [];
    for (const s of strings) {
      out[name].push(Array.from((await t.encode(s, null, { addSpecialTokens: false })).getIds()));
    }
  }
  fs.writeFileSync(target, JSON.stringify(out));
})();
