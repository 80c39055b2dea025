package kernel

// ThreadScratch is how many bytes the products of a thread keep for their panels.
const ThreadScratch = 4 * (blockM*blockK + blockN*blockK + tileRows*tileCols + bf16Rows*bf16Tile + bf16Values/2)
