package intmul

import (
	"slices"

	"trit/bitlinear/kernel/amx"
)

// amxParts is the number of parts whose sums AMX leaves in the first-level cache, 16 kB, before they
// are scaled and added up.
const amxParts = 4

// amxSums is the number of sums of a part of a panel.
const amxSums = amx.PanelRows * amxRows

// packFactors copies the factors of tokens; those that fill up the last panel are zero.
func (s *amxScratch) packFactors(p *product, first, tokens int) {
	parts, panels := p.parts(), ceil(tokens, amx.PanelRows)
	s.factor = slices.Grow(s.factor[:0], panels*parts*amx.PanelRows)[:panels*parts*amx.PanelRows]
	for i := range panels {
		at := i * amx.PanelRows
		p.scaled.factors(s.factor[at*parts:][:parts*amx.PanelRows], amx.PanelRows, first+at, min(amx.PanelRows, tokens-at))
	}
}

// multiplyScaled computes 32 rows of weights with a scale a group, the first of which is row, for
// tokens from first on.
func (w *amxWork) multiplyScaled(s *amxScratch, q *product, row, first, tokens int) {
	full, rest := amxSplit(tokens)
	parts := q.parts()
	for i := range ceil(tokens, amx.PanelRows) {
		rows := amx.PanelRows
		if i >= full {
			rows = rest
		}
		at := i * amx.PanelRows
		w.panelScaled(q, s.x[at*q.k:], s.factor[at*parts:], row, rows)
		q.scaled.write(w.scaled[:], amxRows, row, first+at, min(amx.PanelRows, tokens-at))
	}
}

// panelScaled fills scaled [rows][32] with the sums of a panel of a number of rows, which is a half
// panel if they are fewer than 32.
func (w *amxWork) panelScaled(q *product, x []int8, factor []float32, row, rows int) {
	parts, part := q.parts(), q.part()
	block := q.k * blockRows // of widened weights
	clear(w.scaled[:])
	for at := 0; at < parts; at += amxParts {
		n := min(amxParts, parts-at)
		weights, x := &w.bytes[at*part*blockRows], &x[at*part*rows]
		if rows < amx.PanelRows {
			amx.HalfPanelParts(rows, n, part/amx.StepBytes, weights, block, x, &w.sums[0])
		} else {
			amx.PanelParts(n, part/amx.StepBytes, weights, block, x, &w.sums[0])
		}
		scales := q.scaled.W.scalesAt(row, at)
		q.on.addParts(ceil(rows, 8)*8, n, &w.scaled[0], &w.sums[0], &factor[at*amx.PanelRows], &scales[0])
	}
}
