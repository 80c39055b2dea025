package repro

import (
	"context"
	"time"

	"trit/configs"
	"trit/data"
	"trit/data/conversation"
	"trit/data/world"
	"trit/format/adapter"
	"trit/infer"
	"trit/tokenizer"
	"trit/train"
)

// Recipe is how a model is tuned: a preset, and what is changed in it.
type Recipe struct {
	Preset string
	Steps  int
	Set    []string // KEY=VALUE, as for configs.Config.Set
}

// Tuning are the recipes by which a quickstart tunes its model.
type Tuning struct{ SFT, LoRA, DPO Recipe }

// DefaultTuning tunes the model of a quickstart in a few minutes. Rates and steps were chosen on facts of other seeds,
// by questions in the forms of world.Tuning.Validation. All have more steps than that asked for, since bases of few
// steps fell short in whole runs.
func DefaultTuning() *Tuning {
	const once = "gradient_accumulation_steps=1"
	return &Tuning{
		SFT: Recipe{"sft", 400, []string{"sequence_length=96", "batch_size=8", once, "learning_rate=2e-3"}},
		LoRA: Recipe{"lora", 1500, []string{"sequence_length=96", "batch_size=8", once, "learning_rate=8e-3", "lora_rank=4",
			"lora_alpha=8", "lora_targets=up_proj,down_proj", "lora_dropout=0", "checkpoint_activations=false"}},
		DPO: Recipe{"dpo", 110, []string{"sequence_length=64", "batch_size=16", once, "learning_rate=1e-4"}},
	}
}

// Tuned is a model of the quickstart before or after it was tuned.
type Tuned struct {
	Name    string  `json:"name"`
	Trained float64 `json:"trained"` // share of the weights
	Steps   int     `json:"steps"`
	Seconds float64 `json:"seconds"`
	Recall  float64 `json:"recall"` // accuracy of answers to questions in forms that no talk has
	Style   float64 `json:"style"`  // share of the held-out pairs whose chosen answer is the likelier one
}

// tuningSteps are the steps that tune the model of the run.
func (q *quickstart) tuningSteps(run, packed, tok string, by *Tuning) []Step {
	const template = "plain"
	chat, pairs := q.path("chat"), q.path("pairs")
	sft, lora, dpo := q.path("sft"), q.path("lora"), q.path("dpo")
	names := []string{q.path(world.RecallTask), q.path(world.StyleTask)}
	return []Step{
		&MakeTalks{Seed: q.o.Seed, Tokenizer: tok, Template: template, Out: q.o.Dir},
		&PrepareTalks{Kind: data.Chat, Data: q.path(world.TalksFile), Tokenizer: tok, Template: template, Out: chat},
		&Evaluate{Model: run, Tasks: names, tuned: &Tuned{Name: "base"}},
		&Tune{Recipe: by.SFT, Init: run, Data: chat, Out: sft, Seed: q.o.Seed, name: "sft"},
		&Evaluate{Model: sft, Tasks: names},
		&Tune{Recipe: by.LoRA, Init: run, Data: chat, Out: lora, Seed: q.o.Seed, name: "lora"},
		&Evaluate{Model: packed, Adapter: lora, Tasks: names},
		&PrepareTalks{Kind: data.Preferences, Data: q.path(world.PairsFile), Tokenizer: tok, Template: template, Out: pairs},
		&Tune{Recipe: by.DPO, Init: sft, Data: pairs, Out: dpo, Seed: q.o.Seed, name: "sft, then dpo"},
		&Evaluate{Model: dpo, Tasks: names},
	}
}

// MakeTalks writes conversations, pairs of answers and questions about facts that the world does not
// have.
type MakeTalks struct {
	Seed                uint64
	Tokenizer, Template string // which lay the questions out
	Out                 string

	Tuning *world.Tuning // the result
}

func (s *MakeTalks) run(context.Context, *quickstart) error {
	tok, err := loadWithTemplate(s.Tokenizer, s.Template)
	if err != nil {
		return err
	}
	s.Tuning = world.GenerateTuning(s.Seed)
	return s.Tuning.Write(s.Out, func(question string) (string, error) {
		return tok.ApplyChat(tokenizer.ChatRequest{
			Messages: []tokenizer.Message{{Role: "user", Content: question}}, AddGenerationPrompt: true})
	})
}

// loadWithTemplate loads a tokenizer and puts a usual chat template on it.
func loadWithTemplate(dir, template string) (*tokenizer.Tokenizer, error) {
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	text, err := conversation.Template(template, tok)
	if err != nil {
		return nil, err
	}
	return tok.WithChatTemplate(text)
}

// PrepareTalks turns conversations, or pairs of answers, into token shards.
type PrepareTalks struct {
	Kind                      data.Kind
	Data, Tokenizer, Template string
	Out                       string

	Manifest *data.Manifest // the result
}

func (s *PrepareTalks) run(ctx context.Context, q *quickstart) error {
	tok, err := loadWithTemplate(s.Tokenizer, s.Template)
	if err != nil {
		return err
	}
	s.Manifest, err = data.Prepare(ctx, data.PrepareOptions{
		Kind: s.Kind, Files: []string{s.Data}, Tokenizer: tok, Seed: 1, Out: s.Out, Threads: q.o.Threads,
		Progress: func(rows, tokens int64) { q.progress(Progress{What: "documents", Done: rows, Tokens: tokens}) },
	})
	return err
}

// Tune trains a model further by a recipe.
type Tune struct {
	Recipe          Recipe
	Init, Data, Out string
	Seed            uint64
	name            string // in the report

	Result *train.Result
}

func (s *Tune) run(ctx context.Context, q *quickstart) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	start := time.Now()
	s.Result, err = train.Train(ctx, train.Run{
		Model: c.Config, Options: c.Options, Init: s.Init, DataDir: s.Data, OutDir: s.Out, Threads: q.o.Threads,
		OnEvent: q.o.Event,
	})
	if err != nil {
		return err
	}
	q.report.Tuned = append(q.report.Tuned, &Tuned{
		Name: s.name, Trained: float64(c.Options.Trained(c.Config)) / float64(c.Parameters()), Steps: s.Result.Step,
		Seconds: time.Since(start).Seconds(),
	})
	return nil
}

// config is the recipe over the model that is tuned.
func (s *Tune) config() (configs.Config, error) {
	c := configs.Default()
	var err error
	if c.Config, err = train.InitialModel(s.Init); err != nil {
		return c, err
	}
	if c, err = configs.LoadOver(c, s.Recipe.Preset); err != nil {
		return c, err
	}
	for _, assignment := range s.Recipe.Set {
		if err := c.Set(assignment); err != nil {
			return c, err
		}
	}
	c.MaxSteps, c.Seed = s.Recipe.Steps, s.Seed
	return c, nil
}

// openAdapted opens a GGUF file with an adapter.
func openAdapted(path, adapterPath string, o infer.Options) (*Model, error) {
	m, tok, err := LoadGGUF(path, o)
	if err != nil {
		return nil, err
	}
	a, _, err := adapter.Read(adapterPath, m.Target())
	if err == nil {
		tok, err = a.Tokenizer(tok)
	}
	if err == nil {
		var adapted *infer.Model
		if adapted, err = m.Adapted(infer.ScaledAdapter{Adapter: a, Scale: 1}); err == nil {
			return &Model{Model: adapted.NewScorer(0), Tokenizer: tok, Name: path, Args: "adapter=" + adapterPath,
				Warnings: m.Warnings(), Close: m.Close}, nil
		}
	}
	m.Close()
	return nil, err
}
