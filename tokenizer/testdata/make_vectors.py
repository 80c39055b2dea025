"""Makes two small vocabularies and files for the judges that encode with them.

    python3 make_vectors.py OUT && node encode.js OUT vectors.json

OUT gets tokenizer.json files, written here and not by Trit, and strings.json. This folder
gets pieces.model, a tokenizer.model of SentencePiece, and bytes.json, byte-level tokens
and merges. Tokens are merged across words, digits and punctuation on purpose, so that a
text that is split in a wrong position has other ids.
"""
import json, os, random, struct, sys
from collections import Counter

TEXT = """The small world has a lamp, a door and 1234 stones. The lamp isn't lit, so they'll wait: it's 12:30 already!
In the year 2024 the old miller's daughter counted 100 200 and 300 sacks (half of them empty) -- "how odd," she said...
x = foo(bar[12], 3.14) != 0x7f; y += x_1 * 2; // a note\n\tif (x == y) { return x; }\n\n    else { y = 100; }
Das Mädchen fährt über die Brücke; où est l'été? El niño pequeño. Öl, Übermut und Äpfel kosten 12,50 €.
静かな村に 小さな家が あります。 В маленьком доме живёт старик. Ένα μικρό σπίτι. aaaa bbbb ---- ==== ....      end
""" * 2


def merges_of(text, symbols, count):
    """The count most frequent merges of a text, each made of the symbols so far."""
    merges, seen = [], set(symbols)
    while len(merges) < count:
        pairs = Counter(p for p in zip(symbols, symbols[1:]) if "\n" not in p[0] + p[1] or len(merges) % 2)
        pairs = {p: n for p, n in pairs.items() if p[0] + p[1] not in seen and len(p[0] + p[1]) <= 8}
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        seen.add(best[0] + best[1])
        out, i = [], 0
        while i < len(symbols):
            if tuple(symbols[i:i + 2]) == best:
                out.append(best[0] + best[1])
                i += 2
            else:
                out.append(symbols[i])
                i += 1
        symbols = out
    return merges


def byte_names():
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + rest.index(b)) for b in range(256)]


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(number, value):
    return varint(number << 3) + varint(value)


def piece_model(pieces):
    """A ModelProto of (text, score, type), of type BPE, with a space before a text."""
    out = b"".join(message(1, message(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + number(3, kind))
                   for text, score, kind in pieces)
    trainer = number(3, 2) + number(35, 1) + number(40, 0) + number(41, 1) + number(42, 2) + number(43, 2**64 - 1)
    return out + message(2, trainer) + message(3, message(1, b"identity") + number(3, 1) + number(4, 0) + number(5, 1))


def added(id, content, special=True):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}


def tokenizer_file(model, tokens, bos, **parts):
    single = [{"SpecialToken": {"id": bos[1], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None, "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing", "single": single, "pair": single,
                               "special_tokens": {bos[1]: {"id": bos[1], "ids": [bos[0]], "tokens": [bos[1]]}}}, **parts,
            "model": {"type": "BPE", "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, **model}}


def sentence_pieces(out):
    marked = TEXT.replace(" ", "▁")
    merges = merges_of(marked, list(marked), 220)
    letters = [c for c, _ in Counter(marked).most_common() if c not in "\n€家"]  # the others become bytes
    merges = [m for m in merges if not set("\n€家") & set(m[0] + m[1])]
    texts = [a + b for a, b in merges]
    pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)] + [("<0x%02X>" % b, 0, 6) for b in range(256)]
    pieces += [(t, -i, 1) for i, t in enumerate(texts + letters)]
    open("pieces.model", "wb").write(piece_model(pieces))
    vocab = {p[0]: i for i, p in enumerate(pieces)}
    ways = [(t[:i], t[i:]) for t in texts for i in range(len(t) - 1, 0, -1) if t[:i] in vocab and t[i:] in vocab]
    spaces = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    decoders = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    model = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": [" ".join(w) for w in ways]}
    file = tokenizer_file(model, [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")], (1, "<s>"),
                          normalizer={"type": "Sequence", "normalizers": spaces}, decoder={"type": "Sequence", "decoders": decoders})
    json.dump(file, open(os.path.join(out, "pieces.json"), "w"))


LLAMA = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def level(regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


PRE = {
    "llama-bpe": [split(LLAMA), level(False)],
    "gpt-2": [level(True)],
    "falcon": [{"type": "Punctuation", "behavior": "Contiguous"}, level(True), {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]")],
    "starcoder": [{"type": "Digits", "individual_digits": True}, level(True)],
}


def byte_level(out):
    names = byte_names()
    merges = merges_of(TEXT, [names[b] for b in TEXT.encode()], 320)
    tokens = names + [a + b for a, b in merges]
    bos = len(tokens)
    json.dump({"tokens": tokens, "merges": [" ".join(m) for m in merges]}, open("bytes.json", "w"), ensure_ascii=False, separators=(",", ":"))
    for name, parts in PRE.items():
        model = {"unk_token": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": name == "llama-bpe",
                 "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [" ".join(m) for m in merges]}
        file = tokenizer_file(model, [added(bos, "<s>"), added(bos + 1, "</s>"), added(bos + 2, "  =", False)], (bos, "<s>"),
                              pre_tokenizer={"type": "Sequence", "pretokenizers": parts}, decoder=level(True))
        json.dump(file, open(os.path.join(out, name + ".json"), "w"))


def strings():
    random.seed(7)
    words = TEXT.split(" ")[:120] + [" ", "  ", "\n", "\r\n", "\t", "'S", "'ſ", "½", "²ò", "³¹¼", "Ⅻ", "١٢٣", "🎉", "\u00a0", "é", "▁", "<s>", "</s>", "  =", "123456", "€家", "\u0000"]
    fixed = ["", " ", "  ", "<s>", "<unused_300>", "<0x41>", "aaaaaaaaa", "-----", "1234567", "I'LL", "e\u0301", "x" * 60, TEXT[:300]]
    return fixed + ["".join(random.choice(words) + random.choice(["", " ", ""]) for _ in range(random.randint(1, 9))) for _ in range(140)]


out = sys.argv[1]
os.makedirs(out, exist_ok=True)
sentence_pieces(out)
byte_level(out)
json.dump(strings(), open(os.path.join(out, "strings.json"), "w"))
