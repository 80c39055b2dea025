// Package repro runs whole experiments: the quickstart, BitNet against full precision at
// several sizes (scaling), and the tables of the papers. Each is a function with an Options
// struct that returns its results as data, and writes them as JSON, Markdown and HTML too.
//
// Callbacks of the options follow an experiment while it runs; they are called on the
// goroutine of the caller. When ctx ends, an experiment ends with an error, and what it has
// written so far stays.
package repro
