package repro

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"trit/configs"
	"trit/data"
	"trit/eval/statistics"
	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/internal/report"
	"trit/setting"
	"trit/train"
	"trit/train/runlog"
)

// RecipeSet declares variants of a recipe that are compared: each is trained on the same tokens with each
// of the seeds. The differences are from the first variant.
type RecipeSet struct {
	Description string          `json:"description"`
	Config      string          `json:"config"` // preset or configuration file
	Tokens      int64           `json:"tokens"` // of a run
	Seeds       []uint64        `json:"seeds"`
	Set         []string        `json:"set"` // assignments KEY=VALUE to all variants
	Variants    []RecipeVariant `json:"variants"`
}

// RecipeVariant is a recipe of a RecipeSet.
type RecipeVariant struct {
	Name string   `json:"name"` // of small letters, digits, dots and hyphens
	Set  []string `json:"set"`  // assignments KEY=VALUE, after those to all
}

// ownRecipes is the set that docs/recipes.md shows.
//
//go:embed recipes.json
var ownRecipes []byte

// LoadRecipes reads a RecipeSet from a file; "" is the set of docs/recipes.md.
func LoadRecipes(path string) (*RecipeSet, error) {
	b, err := ownRecipes, error(nil)
	if path != "" {
		b, err = os.ReadFile(path)
	}
	s := &RecipeSet{}
	if err == nil {
		err = jsonfile.DecodeStrict(b, s)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, badOption("repro.RecipesOptions.Set", err)
	}
	return s, nil
}

// recipeName is a name that can be part of the name of a folder.
var recipeName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

func (s *RecipeSet) check() error {
	if len(s.Variants) == 0 || len(s.Seeds) == 0 {
		return errors.New("there are no variants or no seeds: want at least one of each")
	}
	seen := map[string]bool{}
	for _, v := range s.Variants {
		if !recipeName.MatchString(v.Name) || seen[v.Name] {
			return fmt.Errorf("a variant is named %q: want names of small letters, digits, dots and hyphens, each once", v.Name)
		}
		seen[v.Name] = true
		c, err := s.configOf(v, s.Seeds[0])
		if err == nil {
			err = s.checkTokens(v, &c)
		}
		if err != nil {
			return fmt.Errorf("variant %s: %w", v.Name, err)
		}
	}
	seeds := slices.Sorted(slices.Values(s.Seeds))
	if len(slices.Compact(seeds)) < len(s.Seeds) {
		return fmt.Errorf("a seed is listed twice among %v", s.Seeds)
	}
	return nil
}

// ownKeys are keys that the set itself decides.
var ownKeys = regexp.MustCompile(`^\s*(max_steps|seed)\s*=`)

// checkTokens refuses a variant that would not be trained on the tokens of the set.
func (s *RecipeSet) checkTokens(v RecipeVariant, c *configs.Config) error {
	for _, a := range slices.Concat(s.Set, v.Set) {
		if key := ownKeys.FindStringSubmatch(a); key != nil {
			return fmt.Errorf("it sets %s, which follows from tokens and seeds: leave it out", key[1])
		}
	}
	first, err := s.configOf(s.Variants[0], s.Seeds[0])
	if err != nil {
		return err
	}
	step, firstStep := c.TokensPerStep(), first.TokensPerStep()
	if own, others := c.MaxSteps*step, first.MaxSteps*firstStep; own != others {
		return fmt.Errorf("its whole steps take %d of the %d tokens, and those of %s %d: want a multiple of %d and of %d",
			own, s.Tokens, s.Variants[0].Name, others, step, firstStep)
	}
	if c.EarlyStopPatience > 0 {
		return fmt.Errorf("early_stop_patience is %d, so a run may end before its tokens: set it to 0", c.EarlyStopPatience)
	}
	return nil
}

// configOf is the configuration of a run.
func (s *RecipeSet) configOf(v RecipeVariant, seed uint64) (configs.Config, error) {
	c, err := configs.Load(s.Config)
	if err != nil {
		return c, err
	}
	for _, a := range slices.Concat(s.Set, v.Set) {
		if err := c.Set(a); err != nil {
			return c, err
		}
	}
	if c.Seed, c.MaxSteps = seed, int(s.Tokens/int64(c.TokensPerStep())); c.MaxSteps < 1 {
		return c, fmt.Errorf("tokens is %d: want at least the %d of a step", s.Tokens, c.TokensPerStep())
	}
	return c, errors.Join(c.Validate(), c.CheckModel(&c.Config))
}

// RecipesOptions say what Recipes trains, and follow it.
type RecipesOptions struct {
	Set     *RecipeSet // see LoadRecipes
	Data    string     // folder of a prepared data set
	Out     string     // folder of the runs and of the results; unfinished runs in it go on
	Threads int        // 0: one for each processor

	Run   func(dir string)  // called before each run; may be nil
	Event func(train.Event) // called for each line of a run's log; may be nil
}

// RecipeRun is the outcome of one variant with one seed.
type RecipeRun struct {
	Seed        uint64  `json:"seed"`
	Loss        float64 `json:"loss,omitempty"` // of all held-out data, nats a token
	BitsPerByte float64 `json:"bits_per_byte,omitempty"`
	Seconds     float64 `json:"seconds"`            // of its steps
	Diverged    string  `json:"diverged,omitempty"` // why the run ended before its tokens; then there is no loss
}

// RecipeOutcome is the outcome of one variant.
type RecipeOutcome struct {
	Variant RecipeVariant `json:"variant"`
	Runs    []RecipeRun   `json:"runs"`
}

// RecipeOutcomes are the outcomes of the variants of a set, in its order.
type RecipeOutcomes []RecipeOutcome

// Recipes trains the variants of a set, all of them with the first seed, then with the next one. After
// each run it writes recipes.json, recipes.md and recipes.svg into Out. Runs that are finished already
// are not repeated. A run that diverges is an outcome too.
func Recipes(ctx context.Context, o RecipesOptions) (RecipeOutcomes, error) {
	if err := checkOwn("repro.RecipesOptions.Out", o.Out, "recipes", &RecipeOutcomes{}, ".md", ".svg"); err != nil {
		return nil, err
	}
	outcomes := make(RecipeOutcomes, len(o.Set.Variants))
	for i, v := range o.Set.Variants {
		outcomes[i].Variant = v
	}
	for _, seed := range o.Set.Seeds {
		for i, v := range o.Set.Variants {
			run, err := o.run(ctx, v, seed)
			if err != nil {
				return outcomes, err
			}
			outcomes[i].Runs = append(outcomes[i].Runs, run)
			if err := outcomes.write(o.Out); err != nil {
				return outcomes, err
			}
		}
	}
	return outcomes, nil
}

func (o *RecipesOptions) run(ctx context.Context, v RecipeVariant, seed uint64) (RecipeRun, error) {
	c, err := o.Set.configOf(v, seed)
	if err != nil {
		return RecipeRun{}, badOption("repro.RecipesOptions.Set", err)
	}
	run := train.Run{Model: c.Config, Options: c.Options, Threads: o.Threads, DataDir: o.Data, OnEvent: o.Event,
		OutDir: filepath.Join(o.Out, fmt.Sprintf("%s-seed%d", v.Name, seed))}
	result, err := finishRun(ctx, &run, o.Run)
	var diverged *train.DivergedError
	if errors.As(err, &diverged) {
		return RecipeRun{Seed: seed, Diverged: fmt.Sprintf("step %d: %s", diverged.Step, diverged.Finding)}, nil
	}
	if err != nil {
		return RecipeRun{}, err
	}
	seconds, err := stepSeconds(run.OutDir)
	heldOut := result.EvalAll
	return RecipeRun{Seed: seed, Loss: heldOut.Loss, BitsPerByte: heldOut.BitsPerByte, Seconds: seconds}, err
}

// finishRun begins a run or goes on with it, up to its end.
func finishRun(ctx context.Context, run *train.Run, before func(dir string)) (*train.Result, error) {
	if err := checkHeldout(run.DataDir); err != nil {
		return nil, err
	}
	run.Resume = true
	if before != nil {
		before(run.OutDir)
	}
	result, err := train.Train(ctx, *run)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.OutDir, err)
	}
	if result.Interrupted {
		return nil, errors.New("stopped and saved: the same command goes on")
	}
	return result, nil
}

// checkHeldout refuses data on which runs cannot be compared.
func checkHeldout(dir string) error {
	m, err := data.OpenManifest(dir)
	if err == nil && m.Heldout.Documents == 0 {
		err = setting.Needs("data.PrepareOptions.Holdout", dir+" has no held-out documents, on which runs are compared",
			"prepare it with {data.PrepareOptions.Holdout} above 0")
	}
	return err
}

// stepSeconds is the time that the steps of a run took, by its log: without evaluations and stops.
func stepSeconds(dir string) (seconds float64, err error) {
	log, err := runlog.Open(dir)
	if err != nil {
		return 0, err
	}
	tokens := int64(0)
	for _, e := range log.Of(runlog.StepEvent) {
		seconds += float64(e.Tokens-tokens) / e.TokensPerSecond
		tokens = e.Tokens
	}
	return seconds, nil
}

// level is how sure the intervals of differences are.
const level = 0.95

// diverged names the seeds whose runs have no loss. A mean over the others would flatter their recipe.
func (v *RecipeOutcome) diverged() (seeds []string) {
	for _, run := range v.Runs {
		if run.Diverged != "" {
			seeds = append(seeds, fmt.Sprint(run.Seed))
		}
	}
	return seeds
}

// difference is the mean over the seeds of the relative difference of the losses of a variant from those
// of another with the same seed, and its interval: NaN if a run of either diverged.
func (v *RecipeOutcome) difference(from *RecipeOutcome) (mean float64, around statistics.Interval) {
	var differences []float64
	if v.diverged() != nil || from.diverged() != nil {
		return math.NaN(), statistics.Interval{Low: math.NaN(), High: math.NaN()}
	}
	for i, run := range v.Runs {
		differences = append(differences, run.Loss/from.Runs[i].Loss-1)
	}
	mean, stderr := statistics.Mean(differences)
	return mean, statistics.Around(mean, stderr, len(differences), level)
}

// means are the mean loss and its standard error, and the means of bits per byte and of seconds.
func (v *RecipeOutcome) means() (loss, stderr, bits, seconds float64) {
	var losses []float64
	for _, run := range v.Runs {
		losses = append(losses, run.Loss)
		bits += run.BitsPerByte / float64(len(v.Runs))
		seconds += run.Seconds / float64(len(v.Runs))
	}
	loss, stderr = statistics.Mean(losses)
	return loss, stderr, bits, seconds
}

// finished are the variants that have a run.
func (r RecipeOutcomes) finished() RecipeOutcomes {
	return slices.DeleteFunc(slices.Clone(r), func(v RecipeOutcome) bool { return len(v.Runs) == 0 })
}

func (r RecipeOutcomes) table() report.Table {
	t := report.Table{Head: []string{"variant", "seeds", "held-out loss", "standard error", "bits per byte",
		"difference from " + r[0].Variant.Name, "95 % interval", "seconds a run"}}
	f := fmt.Sprintf
	for i, v := range r.finished() {
		if seeds := v.diverged(); seeds != nil {
			t.Rows = append(t.Rows, []string{v.Variant.Name, f("%d", len(v.Runs)), "diverged: seed " + strings.Join(seeds, ", "),
				"", "", "", "", ""})
			continue
		}
		loss, stderr, bits, seconds := v.means()
		row := []string{v.Variant.Name, f("%d", len(v.Runs)), f("%.4f", loss), "", f("%.4f", bits), "", "", f("%.0f", seconds)}
		if len(v.Runs) > 1 {
			row[3] = f("%.4f", stderr)
		}
		if mean, around := v.difference(&r[0]); i > 0 && !math.IsNaN(mean) {
			if row[5] = f("%+.2f %%", 100*mean); len(v.Runs) > 1 {
				row[6] = f("%+.2f to %+.2f %%", 100*around.Low, 100*around.High)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// WriteText writes the outcomes as a table for a terminal.
func (r RecipeOutcomes) WriteText(w io.Writer) error { return r.table().WriteText(w) }

// Markdown returns the outcomes as a table in Markdown.
func (r RecipeOutcomes) Markdown() string { return r.table().Markdown() }

// WriteSVG writes the differences from the first variant as a picture with error bars.
func (r RecipeOutcomes) WriteSVG(w io.Writer) error {
	c := report.Intervals{Title: "Held-out loss against " + r[0].Variant.Name,
		Axis: fmt.Sprintf("difference in %%, with %g %% intervals over the seeds", 100*level)}
	for _, v := range r.finished() {
		mean, around := v.difference(&r[0])
		c.Rows = append(c.Rows, report.Interval{Name: v.Variant.Name, Value: 100 * mean,
			Low: 100 * around.Low, High: 100 * around.High})
	}
	return c.WriteSVG(w)
}

// write writes the outcomes as JSON, Markdown and SVG into a folder.
func (r RecipeOutcomes) write(dir string) error {
	b, err := indented(r)
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(dir, "recipes.json"), b),
		atomicfile.WriteBytes(filepath.Join(dir, "recipes.md"), []byte(r.Markdown())),
		atomicfile.Write(filepath.Join(dir, "recipes.svg"), r.WriteSVG))
}
