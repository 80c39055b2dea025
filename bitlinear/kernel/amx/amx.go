// Package amx multiplies matrices of bytes and of bfloat16 on the matrix registers of AMX, as
// cpu.AMX and cpu.AMXBF16 allow. A register has 16 rows of 64 bytes. Of the eight registers, four
// hold sums, two the left operand and two the right one. The words, each in one sense:
//
//   - panel: 32 rows of the left operand, of 64 bytes a step;
//   - block: 16 columns of the right operand, which are 16 rows of weights: for each step 16 lines
//     of 64 bytes, four bytes a column. A call takes two blocks;
//   - step: 64 values of int8, or 32 of bfloat16, of the dimension that is summed over.
package amx

// Sizes that the instructions fix.
const (
	PanelRows = 32 // rows of a panel
	HalfRows  = 16 // largest number of rows of a half panel
	StepBytes = 64 // of a row of a panel
	StepLines = 16 // of a block: each of StepBytes
)

// configs are the configurations of the registers' sizes, one for each number of rows in a half
// panel: palette 1; columns in bytes from byte 16 on, rows from byte 48 on.
var configs = func() (list [HalfRows + 1][64]byte) {
	for rows := range list {
		c := &list[rows]
		c[0] = 1
		for register := range 8 {
			c[16+2*register], c[48+register] = StepBytes, byte(rows)
		}
		c[48+6], c[48+7] = StepLines, StepLines // the right operand
	}
	return list
}()

// ProductBF16 are the arguments of PanelsBF16. The assembly knows the order of the fields.
type ProductBF16 struct {
	Panels, Steps int
	W             *byte
	BlockBytes    int
	X             *byte
	PanelBytes    int
	Dst           *float32
	More          int
}
