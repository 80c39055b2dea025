// Package source reads texts as people have them: parquet files, JSON lines and plain text,
// each also compressed with gzip or zstd, in files, folders and streams. What a file is
// follows from its first bytes; what is no text is refused by its name.
package source
