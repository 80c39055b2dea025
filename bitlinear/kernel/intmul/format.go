package intmul

// Format is the form of ternary weights in memory, with 2 or 1.6 bits a weight.
type Format int

const (
	// Bits2 is four weights a byte. A row has four bytes in a line; byte j has the codes, weight
	// plus one, of the columns j, 4+j, 8+j and 12+j from its low bits up. So one shift and one mask
	// give four columns of all 16 rows in the order in which the product reads them.
	Bits2 Format = iota
	// Bits1_6 is five weights a byte, 1.6 bits each: see trits.go.
	Bits1_6
)

// String returns the bits of a weight.
func (f Format) String() string { return [...]string{"2 bits", "1.6 bits"}[f] }

// unit is the number that the number of columns is rounded up to a multiple of.
func (f Format) unit() int { return [...]int{groupCols, tritsUnit}[f] }

// lineCols is the number of columns of a block in a line.
func (f Format) lineCols() int { return [...]int{groupCols, tritsCols}[f] }
