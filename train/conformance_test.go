//go:build conformance

package train

import (
	"context"
	"strings"
	"testing"

	"trit/tokenizer"
)

const goldenCheckpoints = "../../shared/golden/checkpoints/"

func TestInitialGoldenFamilies(t *testing.T) {
	for _, name := range []string{"hf-bitnet-bf16", "hf-1bitllm"} {
		t.Run(name, func(t *testing.T) { testInitialGolden(t, goldenCheckpoints+name) })
	}
}

func TestInitialGoldenPackedIsRefused(t *testing.T) {
	for _, name := range []string{"hf-bitnet-packed", "hf-llama-packed"} {
		dir := goldenCheckpoints + name
		dataDir := preparedWith(t, 1, func([]string) (*tokenizer.Tokenizer, error) { return tokenizer.Load(dir) })
		if _, err := Train(context.Background(), still(dataDir, t.TempDir(), dir)); err == nil || !strings.Contains(err.Error(), "-bf16") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
