// Package data turns text in parquet files into batches to train on: it reads a text
// column as a stream, tokenises it into checked token shards with a held-out split,
// and packs the documents into rows whose position can be saved and restored.
package data
