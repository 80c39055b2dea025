//go:build conformance

package jinja

import (
	"flag"
	"testing"
)

var golden = flag.String("golden", "../../../shared/golden/chat/vectors.json", "file of golden renderings, of the form of golden/chat")

func TestGolden(t *testing.T) { checkVectors(t, Dialect{}, *golden) }
