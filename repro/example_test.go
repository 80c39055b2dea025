package repro_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"trit/repro"
)

// The quickstart in one second of training, which is too short to learn much.
func ExampleQuickstart() {
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	report, err := repro.Quickstart(context.Background(), repro.QuickstartOptions{
		Dir: filepath.Join(dir, "q"), Seed: 1, MaxTime: time.Second,
		Begin: func(s repro.Step) { fmt.Printf("%T\n", s) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("smaller packed:", report.PackedBytes < report.CheckpointBytes)
	// Output:
	// *repro.MakeWorld
	// *repro.TrainTokenizer
	// *repro.PrepareData
	// *repro.TrainModel
	// *repro.ConvertModel
	// *repro.Generate
	// *repro.MeasureSpeed
	// *repro.Evaluate
	// *repro.Evaluate
	// smaller packed: true
}

func ExampleScalingPairs_WriteText() {
	pairs := repro.ScalingPairs{{
		Config: "tiny", Parameters: 500_000, Tokens: 2_000_000,
		BitNet: repro.ScalingOutcome{Loss: 2.04, BitsPerByte: 0.98},
		Full:   repro.ScalingOutcome{Loss: 2, BitsPerByte: 0.96},
	}}
	if err := pairs.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// configuration  parameters  tokens  BitNet: loss  bits per byte  full precision: loss  bits per byte  gap in loss
	// tiny           0.50M       2.00M   2.0400        0.9800         2.0000                0.9600         +2.00 %
}
