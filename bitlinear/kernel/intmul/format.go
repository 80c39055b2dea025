package intmul

// Format is how many bits a ternary weight takes in memory.
type Format int

const (
	// Bits2 is four weights a byte: byte j of a row's four in a line has the codes, weight plus one,
	// of the columns j, 4+j, 8+j and 12+j from its low bits up, so that one shift and one mask give
	// four columns of all 16 rows in the order in which the product reads them.
	Bits2 Format = iota
	// Bits1_6 is five weights a byte, 1.6 bits each: see trits.go.
	Bits1_6
)

// String returns the bits of a weight.
func (f Format) String() string { return [...]string{"2 bits", "1.6 bits"}[f] }

// unit is what the number of columns is filled up to a multiple of.
func (f Format) unit() int { return [...]int{groupCols, tritsUnit}[f] }

// lineCols is how many columns of a block a line holds.
func (f Format) lineCols() int { return [...]int{groupCols, tritsCols}[f] }
