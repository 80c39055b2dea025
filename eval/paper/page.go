package paper

// pageText is the page, of the parts of internal/report.
const pageText = `{{define "paper.html"}}<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>{{template "style"}}
body { max-width: 64rem; } .group { display: grid; grid-template-columns: 12rem 1fr; gap: 0 .8rem; margin: .5rem 0; font-size: 13px; }
.group b { font-weight: 500; overflow-wrap: anywhere; } .track { position: relative; height: 1.15rem; margin: .15rem 0; background: var(--card); }
.bar { position: absolute; inset: 0 auto 0 0; background: currentColor; opacity: .75; } .error { position: absolute; top: 50%; border-top: 2px solid var(--ink); }
.error::before, .error::after { content: ""; position: absolute; top: -.35rem; height: .6rem; border-left: 2px solid var(--ink); } .error::after { right: 0; }
.scale { text-align: right; color: var(--soft); font-size: 11px; } figure { padding: .6rem .8rem; } figcaption { margin-left: 0; } td { white-space: nowrap; }
.origin td { white-space: normal; overflow-wrap: anywhere; text-align: left; } details { margin: .4rem 0; } summary { cursor: pointer; } .warn { color: var(--warn); }
</style>
<h1>{{.Title}}</h1>
{{template "table" .Table}}
<p>± is the standard error by document, or by cluster where documents belong together; in brackets the 95 % interval.</p>
{{range .Figures}}<h2>{{.Metric}}</h2>
<figure><figcaption>{{range $i, $m := $.Models}}<span class="key c{{$i}}">{{$m}}</span>{{end}}</figcaption>
{{range .Groups}}<div class="group"><b>{{.Task}}</b><div>{{range .Bars}}<div class="track c{{.Color}}" title="{{.Model}}: {{.Value}}"><div class="bar" style="width:{{.Width}}%"></div>{{if .Span}}<div class="error" style="left:{{.Low}}%;width:{{.Span}}%"></div>{{end}}</div>{{end}}</div></div>
{{end}}<div class="scale">right edge: {{.Most}}</div></figure>
{{end}}{{range .Heat}}<h2>{{.Title}}, by task</h2>
<div class="scroll"><table><tr><th>task</th>{{range .Models}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr><td>{{.Task}}</td>{{range .Scores}}<td style="background:rgb(37 99 235 / {{.Shade}}%)">{{.Short}}</td>{{end}}</tr>
{{end}}</table></div>
{{end}}{{range .Comparisons}}<h2>A = {{.A}}, B = {{.B}}</h2>
{{template "table" .Table}}
{{range .Warnings}}<p class="warn">Not asked alike: {{.}}</p>
{{end}}{{end}}{{if .Examples}}<h2>Examples</h2>
{{range .Examples}}<details><summary>{{.Task}}, {{.Model}}: document {{.Document}}, {{.Verdict}}</summary><pre>{{.Text}}</pre></details>
{{end}}{{end}}<h2>What made it</h2>
<div class="origin">{{template "table" .Origin}}</div>
</html>
{{end}}`
