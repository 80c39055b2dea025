"""Writes learned.json: what is learned of the conversations in ../jinja/testdata/vectors.json, by Jinja2
set up as transformers sets it up. Each entry is the index of a vector with the byte ranges that are learned:
those of generation blocks, or of render(up to a turn) without render(before it, add_generation_prompt). It
holds "turn" instead where one is no prefix of the other or of the whole, and "error" where a render fails.

    python3 make_learned.py > learned.json        # Jinja2 3.1.2
"""
import json

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

BEGIN, END = "\x01", "\x02"


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("mark"), [], [], body).set_lineno(line)

    def mark(self, caller):
        return BEGIN + caller() + END


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def fail(message):
        raise jinja2.exceptions.TemplateError(message)

    env.globals["raise_exception"] = fail
    return env


def marked(full):
    spans, length, begin = [], 0, 0
    for c in full:
        if c == BEGIN:
            begin = length
        elif c == END:
            spans.append([begin, length])
        else:
            length += len(c.encode())
    return [s for s in spans if s[0] < s[1]]


def learned(template, context):
    messages = context.get("messages") or []

    def render(count, prompt):
        return template.render(**{"documents": None, **context, "messages": messages[:count], "add_generation_prompt": prompt})

    full = render(len(messages), False)
    if BEGIN in full:
        return marked(full)
    spans = []
    for i, m in enumerate(messages):
        if m.get("role") != "assistant":
            continue
        upto, before = render(i + 1, False), render(i, True)
        if not upto.startswith(before) or not full.startswith(upto):
            return "turn"
        spans.append([len(before.encode()), len(upto.encode())])
    return spans


done, out = set(), []
for index, vector in enumerate(json.load(open("../jinja/testdata/vectors.json"))):
    context = {k: v for k, v in vector["context"].items() if k != "add_generation_prompt"}
    key = json.dumps([vector["template"], context], sort_keys=True)
    if key in done or "strftime_now" in vector["template"]:
        continue
    done.add(key)
    try:
        result = learned(environment().from_string(vector["template"]), context)
    except jinja2.exceptions.TemplateSyntaxError:
        continue
    except Exception:
        result = "error"
    out.append([index, result])
print("[" + ",\n".join(json.dumps(o) for o in out) + "]")
