package source

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// BenchmarkRead reads a megabyte of texts of each kind.
func BenchmarkRead(b *testing.B) {
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = strings.Repeat("a line of a \"tale\", 1 kB.\n", 40)
	}
	table, err := os.ReadFile(writeParquet(b, texts...))
	if err != nil {
		b.Fatal(err)
	}
	lines, plain := jsonLinesOf(texts, "text"), []byte(strings.Join(texts, "\n\n"))
	for name, raw := range map[string][]byte{
		"parquet": table, "JSON": lines, "text": plain, "text.gz": gzipped(b, plain), "text.zst": zstdOf(b, plain),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				if got, _ := read(b, Options{Paths: []string{Standard}, Stdin: bytes.NewReader(raw)}); len(got) != len(texts) {
					b.Fatalf("%d texts", len(got))
				}
			}
		})
	}
}
