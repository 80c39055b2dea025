// Encodes the strings of make_vectors.py with the npm packages @anush008/tokenizers, which
// is Hugging Face's Rust library, and @agnai/sentencepiece-js, which is SentencePiece:
//   node encode.js OUT vectors.json
// Rows of the former are encode(string) with special tokens and decode(ids) without; rows
// of the latter are ids of the bare text.
const fs = require("fs"), path = require("path");
const { Tokenizer } = require("@anush008/tokenizers");
const { SentencePieceProcessor } = require("@agnai/sentencepiece-js");

(async () => {
  const [dir, target] = process.argv.slice(2);
  const strings = JSON.parse(fs.readFileSync(path.join(dir, "strings.json")));
  const out = { strings, rust: {}, sentencepiece: [] };
  for (const name of ["pieces", "llama-bpe", "gpt-2", "falcon", "starcoder"]) {
    const t = Tokenizer.fromString(fs.readFileSync(path.join(dir, name + ".json"), "utf8"));
    out.rust[name] = [];
    for (const s of strings) {
      const ids = (await t.encode(s, null, { addSpecialTokens: true })).getIds();
      out.rust[name].push({ ids, text: await t.decode(ids, true) });
    }
  }
  const p = new SentencePieceProcessor();
  await p.load("pieces.model");
  out.sentencepiece = strings.map((s) => Array.from(p.encodeIds(s)));
  fs.writeFileSync(target, JSON.stringify(out));
})();
