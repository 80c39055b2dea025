"""Makes a GGUF vocabulary for each name of a pre-tokenizer, for llama.cpp to encode with:

    python3 make_llamacpp.py OUT GGUFEDIT && node encode_llamacpp.mjs OUT llamacpp.json

GGUFEDIT is the folder of ggufedit.py, which writes GGUF files. Tokens are the bytes and all
pairs of bytes that stand beside each other in the strings, merged in the order in which they
come, so that a text that is cut in another position has other ids.
"""
import json, sys
sys.path.insert(0, sys.argv[2])
import ggufedit

NAMES = """llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano smaug-bpe dbrx glm4 chatglm-bpe
gpt-2 olmo phi-2 mpt jais trillion granite-docling exaone4 modern-bert mellum gigachat a.x-4.0 qwen2 stablelm2 hunyuan solar-open
grok-2 deepseek-r1-qwen kormo megrez qwen35 falcon starcoder refact smollm command-r codeshell exaone minerva-7b default tekken
gpt-4o llama4 kanana2 minimax-m2 deepseek-llm deepseek-coder deepseek-v3 hunyuan-dense seed-coder bailingmoe bailingmoe2
llada-moe minicpm5""".split()
EXTRA = ["Größe ÀÉ camelCase XMLHttp iPhone's I'LL it'S we'REally", "naïve café Déjà a\u0301b \u0301x \u0301\u0301 !\u0301", "ab12cd 3456 78901 1.000.000,00 ²³¼ 1\u0301",
         "中文字符 ひらがな カタカナ 한국어 123 中文123ab", "path/to/file//x\n\n//y\n", "\t\ttab  two   three\n \n\n  end  ", "a_b __init__(self): #!$%&*()",
         "हिन्दी मराठी ตัวอย่าง עברית العربية", "e.g. (see [1]);\r\n\r\nnext!\nq", "😀👍🏽 flags 🇩🇪", "ǅ ǅem ʰa ªº", "foo`bar`~^|$+<=>", "don't DON'T we'll 'sup x's",
         "1234567 12 345,678", "a,b;c.d -x +y =z", "  \n  x\n\n\n", "end.\n\nNew (line)\n", "ÀB Éa straßeAB ABc aBC", "。，、！abc　def", "x  1 y  22"]
def byte_names():
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + rest.index(b)) for b in range(256)]


strings = [s for s in json.load(open("vectors.json"))["strings"][::5] if len(s) < 120] + EXTRA
names, pairs = byte_names(), {}
for s in strings:
    b = s.encode()
    for x, y in zip(b, b[1:]):
        pairs[names[x], names[y]] = True
tokens = names + [a + b for a, b in pairs] + ["<s>", "</s>"]
for name in NAMES:
    kv = [["general.architecture", 8, "llama"], ["llama.block_count", 4, 1], ["llama.context_length", 4, 512], ["llama.embedding_length", 4, 64],
          ["llama.feed_forward_length", 4, 64], ["llama.attention.head_count", 4, 2], ["llama.attention.layer_norm_rms_epsilon", 6, 1e-5],
          ["tokenizer.ggml.model", 8, "gpt2"], ["tokenizer.ggml.tokens", 9, (8, tokens)], ["tokenizer.ggml.pre", 8, name],
          ["tokenizer.ggml.token_type", 9, (5, [1] * (len(tokens) - 2) + [3, 3])], ["tokenizer.ggml.merges", 9, (8, [a + " " + b for a, b in pairs])],
          ["tokenizer.ggml.bos_token_id", 4, len(tokens) - 2], ["tokenizer.ggml.eos_token_id", 4, len(tokens) - 1]]
    ggufedit.save(f"{sys.argv[1]}/{name}.gguf", 3, kv, [])
json.dump({"names": NAMES, "strings": strings}, open(f"{sys.argv[1]}/names.json", "w"))
