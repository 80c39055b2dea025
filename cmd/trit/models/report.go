package models

import (
	"trit/cmd/trit/cmdline"
	"trit/convert"
)

// ShowReport prints what a conversion wrote.
func ShowReport(con *cmdline.Console, r *convert.Report) {
	con.Printf("%s: %s, %d tensors, %.1f MB\n", r.Out, r.Architecture, r.Tensors, float64(r.Bytes)/1e6)
	if r.Zeros > 0 {
		con.Printf("share of zeros among the ternary weights: %.1f %%\n", 100*r.Zeros)
	}
	if r.Verified != nil {
		con.Printf("verified: %s\n", r.Verified.Summary())
	}
	for _, w := range r.Warnings {
		con.Printf("warning: %s\n", w.Text(cmdline.SettingName))
	}
}
