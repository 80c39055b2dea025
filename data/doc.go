// Package data turns texts into batches to train on: it tokenises what package source reads into
// checked token shards with a held-out split, and packs the documents into rows whose position
// can be saved and restored.
package data
