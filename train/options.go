// Package train trains a model: Train takes a Run through its steps.
//
// The loop (loop.go) is made of parts, each with its own state: a stepper takes batches through
// the graph and moves the weights (step.go), sharing holds the weights and the optimiser's state
// of this rank (sharing.go, mean.go, tensors.go), evaluation measures the held-out data
// (evaluation.go), recording keeps the log (recording.go), and saving writes checkpoints and
// goes back to them (saving.go). build.go puts them together. plan.go says when a run ends, also one
// that goes on longer than planned, and folder.go what the folder of a run tells.
package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"trit/format/adapter"
	"trit/model"
	"trit/optim"
	"trit/setting"
	"trit/train/graph"
	"trit/train/samples"
)

// Options are the recipe of a run. The JSON names are the keys of a configuration file, and
// errors name options by them.
type Options struct {
	SequenceLength       int                `json:"sequence_length"`
	BatchSize            int                `json:"batch_size"` // rows of a forward pass
	GradientAccumulation int                `json:"gradient_accumulation_steps"`
	MaxSteps             int                `json:"max_steps"` // 0: chosen to fill the time of the run
	LRSchedule           optim.ScheduleKind `json:"lr_schedule"`
	LearningRate         float64            `json:"learning_rate"`
	Stage2LearningRate   float64            `json:"stage2_learning_rate"`
	MinLearningRate      float64            `json:"min_learning_rate"`
	WeightDecay          float64            `json:"weight_decay"`
	Stage2WeightDecay    float64            `json:"stage2_weight_decay"`
	StageSwitch          float64            `json:"stage_switch"` // share of the steps in the first stage
	LRDecay              optim.DecayShape   `json:"lr_decay"`     // of wsd
	WarmupSteps          int                `json:"warmup_steps"`
	AdamBeta1            float64            `json:"adam_beta1"`
	AdamBeta2            float64            `json:"adam_beta2"`
	AdamEpsilon          float64            `json:"adam_epsilon"`

	// Optimizer moves the matrices of the layers, and AdamW all other weights. Muon has the rates of
	// the schedule times MuonRate; see optim.Muon.
	Optimizer       optim.Kind `json:"optimizer"`
	MuonRate        float64    `json:"muon_rate"`
	MuonMomentum    float64    `json:"muon_momentum"`
	MuonWeightDecay float64    `json:"muon_weight_decay"`
	MuonPrecision   Precision  `json:"muon_precision"` // of its products; auto is bf16 where the machine has that

	Moments     optim.MomentPrecision `json:"moments"`       // of AdamW's running means
	MaxGradNorm float64               `json:"max_grad_norm"` // 0: no clipping
	// EMADecay is the decay of the running mean of the weights, which evaluations and the best
	// model use; 0: there is no such mean.
	EMADecay float64 `json:"ema_decay"`

	EvalInterval       int `json:"eval_interval"` // steps; 0: at the end only
	EvalBatches        int `json:"eval_batches"`  // 0: all of the held-out data
	CheckpointInterval int `json:"checkpoint_interval"`
	KeepCheckpoints    int `json:"keep_checkpoints"` // number of newest ones that stay, beside the best model

	EarlyStopPatience int     `json:"early_stop_patience"` // evaluations without improvement that end the run; 0: none do
	EarlyStopDelta    float64 `json:"early_stop_delta"`    // least improvement of the held-out loss, nats a token

	OnSpike       SpikePolicy `json:"on_spike"`
	MaxRollbacks  int         `json:"max_rollbacks"`
	LogInterval   int         `json:"log_interval"`   // steps from line to line
	LayerInterval int         `json:"layer_interval"` // steps from one list of layers in the log to the next; 0: none
	// Texts that the run writes at each evaluation, for its log.
	SamplePrompts     string  `json:"sample_prompts"`     // one a line, "": none
	SampleTokens      int     `json:"sample_tokens"`      // of each text, at most; 0: 64
	SampleTemperature float64 `json:"sample_temperature"` // 0: the likeliest token each time

	Seed      uint64    `json:"seed"`      // of fresh weights and of the order of the data
	Precision Precision `json:"precision"` // of products that are not of integers
	// Gradients is the form in which those of the outputs of ternary layers are multiplied.
	Gradients Gradients `json:"gradients"`

	// CheckpointActivations keeps only the input of each block and computes the rest again
	// in the backward pass: much less memory for about a fifth more time.
	CheckpointActivations bool    `json:"checkpoint_activations"`
	ZLoss                 float64 `json:"z_loss"` // weight of log(sum(exp(logits)))^2

	Objective Objective `json:"objective"` // what is minimised
	// Of DPO; see graph.Preference.
	DPOBeta             float64 `json:"dpo_beta"`
	DPOLabelSmoothing   float64 `json:"dpo_label_smoothing"`
	DPOLengthNormalized bool    `json:"dpo_length_normalized"`

	// Before QuantizeFromStep, or for the first QuantizeFromShare of the steps, layers compute with
	// weights and activations that are not rounded (Nielsen et al., "Continual Quantization-Aware
	// Pre-Training", 2025). From then on the rounding comes into force, over QuantizeWarmupSteps.
	QuantizeFromStep    int     `json:"quantize_from_step"`
	QuantizeFromShare   float64 `json:"quantize_from_share"`
	QuantizeWarmupSteps int     `json:"quantize_warmup_steps"`
	// Int4FromShare is the share of the steps of a model with Int4Activations that round activations to 8
	// bits still (Wang et al., "BitNet v2", 2025).
	Int4FromShare float64 `json:"int4_from_share"`

	// Of a run with a teacher; see graph.Distillation. Without one all must be 0.
	DistillAlpha       float64 `json:"distill_alpha"`       // share of the teacher in the loss
	DistillTemperature float64 `json:"distill_temperature"` // of both models' softmax
	DistillRelations   float64 `json:"distill_relations"`   // weight of the attention relations
	DistillLayer       int     `json:"distill_layer"`       // whose relations are compared; 0: the last
	DistillTopK        int     `json:"distill_top_k"`       // tokens that the teacher tells; 0: all

	// With LoRARank above 0 the run trains low-rank adapters of the model that it begins with, whose
	// own weights stay as they are. LoRAAlpha 0 is twice the rank; see graph.LoRA.
	LoRARank           int               `json:"lora_rank"`
	LoRAAlpha          float64           `json:"lora_alpha"`
	LoRADropout        float64           `json:"lora_dropout"`
	LoRATargets        string            `json:"lora_targets"` // as PEFT names them, separated by commas; "": all-linear
	LoRARankStabilized bool              `json:"lora_rank_stabilized"`
	LoRAPlacement      adapter.Placement `json:"lora_placement"` // "": beside
}

// Objective is what a run minimises. The kind of its data must fit.
type Objective string

// Objectives.
const (
	CrossEntropy Objective = ""    // of texts
	DPO          Objective = "dpo" // the loss of pairs by direct preference optimisation
)

// String is the objective in words.
func (o Objective) String() string {
	if o == CrossEntropy {
		return "cross entropy"
	}
	return string(o)
}

// Default is the recipe of the BitNet papers at a size to try out.
func Default() Options {
	return Options{
		SequenceLength: 256, BatchSize: 8, GradientAccumulation: 1, MaxSteps: 1000,
		LRSchedule: optim.TwoStage, LearningRate: 3e-3, Stage2LearningRate: 2e-3, StageSwitch: 0.5,
		LRDecay:     optim.LinearDecay,
		WeightDecay: 0.1, WarmupSteps: 30,
		AdamBeta1: 0.9, AdamBeta2: 0.95, AdamEpsilon: 1e-8, Moments: optim.MomentsFloat32, MaxGradNorm: 1,
		Optimizer: optim.ByAdamW, MuonRate: 1, MuonMomentum: 0.95, MuonPrecision: PrecisionAuto,
		EvalInterval: 200, EvalBatches: 16, CheckpointInterval: 200, LayerInterval: 100, KeepCheckpoints: 2,
		OnSpike: SpikeWarn, MaxRollbacks: 3, LogInterval: 10, Seed: 1, Precision: PrecisionAuto, Gradients: GradientsFloat,
		SampleTokens: 64, SampleTemperature: 0.8,
	}
}

// changeable returns the options o, except those that a run may change when it is resumed: they
// are taken from before. They say how often to do something, when to end, and what to do about
// spikes.
func (o Options) changeable(before Options) Options {
	o.EvalInterval = before.EvalInterval // not EvalBatches: the curve and the best model compare the same batches
	o.CheckpointInterval, o.KeepCheckpoints = before.CheckpointInterval, before.KeepCheckpoints
	o.LogInterval, o.LayerInterval = before.LogInterval, before.LayerInterval
	o.EarlyStopPatience, o.EarlyStopDelta = before.EarlyStopPatience, before.EarlyStopDelta
	o.CheckpointActivations = before.CheckpointActivations // the same bits
	o.OnSpike, o.MaxRollbacks = before.OnSpike, before.MaxRollbacks
	o.SamplePrompts, o.SampleTokens = before.SamplePrompts, before.SampleTokens
	o.SampleTemperature = before.SampleTemperature
	return o
}

// TokensPerStep is the number of tokens in one step of the optimiser.
func (o Options) TokensPerStep() int { return o.BatchSize * o.SequenceLength * o.GradientAccumulation }

// MicroBatches is the number of forward passes that each of some ranks does in a step.
func (o Options) MicroBatches(ranks int) (int, error) {
	if ranks < 1 || o.GradientAccumulation%ranks != 0 {
		return 0, fmt.Errorf("gradient_accumulation_steps is %d, which counts the micro-batches of all ranks: "+
			"want a multiple of their number, %d", o.GradientAccumulation, ranks)
	}
	return o.GradientAccumulation / ranks, nil
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	errs := []error{
		o.checkLeast(), o.checkRanges(),
		oneOf("Moments", "moments", o.Moments, optim.Moments...),
		oneOf("Precision", "precision", o.Precision, PrecisionAuto, PrecisionFloat32, PrecisionBF16),
		oneOf("Gradients", "gradients", o.Gradients, GradientsAuto, GradientsFloat, GradientsInt8),
		oneOf("OnSpike", "on_spike", o.OnSpike, SpikeWarn, SpikeStop, SpikeRollback),
		oneOf("Objective", "objective", o.Objective, CrossEntropy, DPO), o.checkPreference(),
		oneOf("Optimizer", "optimizer", o.Optimizer, optim.Kinds...), o.checkMuon(),
		oneOf("MuonPrecision", "muon_precision", o.MuonPrecision, PrecisionAuto, PrecisionFloat32, PrecisionBF16),
	}
	errs = append(errs, o.checkLoRA())
	s := o.schedule()
	s.Steps = max(s.Steps, 1)
	if o.LRSchedule != optim.WSD && o.LRDecay != optim.LinearDecay && slices.Contains(optim.DecayShapes, o.LRDecay) {
		errs = append(errs, fmt.Errorf("lr_decay is %s, which is of lr_schedule %s, but that is %s: set it, or leave "+
			"lr_decay out", o.LRDecay, optim.WSD, o.LRSchedule))
	}
	return errors.Join(append(errs, s.Validate())...)
}

// checkLeast refuses numbers that are too small.
func (o Options) checkLeast() error {
	var errs []error
	for _, f := range []struct {
		name         string
		value, least float64
	}{
		{"sequence_length", float64(o.SequenceLength), 1},
		{"batch_size", float64(o.BatchSize), 1},
		{"gradient_accumulation_steps", float64(o.GradientAccumulation), 1},
		{"max_steps", float64(o.MaxSteps), 0},
		{"learning_rate", o.LearningRate, 0},
		{"stage2_learning_rate", o.Stage2LearningRate, 0},
		{"min_learning_rate", o.MinLearningRate, 0},
		{"weight_decay", o.WeightDecay, 0},
		{"stage2_weight_decay", o.Stage2WeightDecay, 0},
		{"warmup_steps", float64(o.WarmupSteps), 0},
		{"max_grad_norm", o.MaxGradNorm, 0},
		{"eval_interval", float64(o.EvalInterval), 0},
		{"eval_batches", float64(o.EvalBatches), 0},
		{"checkpoint_interval", float64(o.CheckpointInterval), 0},
		{"keep_checkpoints", float64(o.KeepCheckpoints), 1},
		{"early_stop_patience", float64(o.EarlyStopPatience), 0},
		{"early_stop_delta", o.EarlyStopDelta, 0},
		{"max_rollbacks", float64(o.MaxRollbacks), 0},
		{"log_interval", float64(o.LogInterval), 1},
		{"layer_interval", float64(o.LayerInterval), 0},
		{"sample_tokens", float64(o.SampleTokens), 0},
		{"sample_temperature", o.SampleTemperature, 0},
		{"z_loss", o.ZLoss, 0},
		{"quantize_from_step", float64(o.QuantizeFromStep), 0},
		{"quantize_warmup_steps", float64(o.QuantizeWarmupSteps), 0},
		{"int4_from_share", o.Int4FromShare, 0},
		{"distill_alpha", o.DistillAlpha, 0},
		{"distill_temperature", o.DistillTemperature, 0},
		{"distill_relations", o.DistillRelations, 0},
		{"distill_layer", float64(o.DistillLayer), 0},
		{"distill_top_k", float64(o.DistillTopK), 0},
		{"lora_rank", float64(o.LoRARank), 0},
		{"lora_alpha", o.LoRAAlpha, 0},
	} {
		if !(f.value >= f.least) {
			errs = append(errs, fmt.Errorf("%s is %g: want at least %g", f.name, f.value, f.least))
		}
	}
	return errors.Join(errs...)
}

// checkRanges refuses numbers outside of a range, and steps beyond the end of the run.
func (o Options) checkRanges() error {
	var errs []error
	if !(o.QuantizeFromShare >= 0 && o.QuantizeFromShare < 1) || o.QuantizeFromShare > 0 && o.QuantizeFromStep > 0 {
		errs = append(errs, fmt.Errorf("quantize_from_share is %g and quantize_from_step is %d: want a share from 0 to "+
			"below 1, and one of them 0", o.QuantizeFromShare, o.QuantizeFromStep))
	}
	if whole := o.quantizeFrom() + o.QuantizeWarmupSteps; o.MaxSteps > 0 && whole > o.MaxSteps {
		errs = append(errs, fmt.Errorf("quantize_from_step or _share and quantize_warmup_steps bring the rounding into "+
			"force by step %d, but the run ends with step %d: lower them, or set ternary to false for a model in full precision",
			whole, o.MaxSteps))
	}
	if o.Int4FromShare >= 1 {
		errs = append(errs, fmt.Errorf("int4_from_share is %g: want a share of the steps from 0 to below 1", o.Int4FromShare))
	}
	if o.AdamBeta1 < 0 || o.AdamBeta1 >= 1 || o.AdamBeta2 < 0 || o.AdamBeta2 >= 1 || o.AdamEpsilon <= 0 {
		errs = append(errs, fmt.Errorf("adam_beta1 %g, adam_beta2 %g, adam_epsilon %g: "+
			"want betas from 0 to below 1 and a positive epsilon", o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon))
	}
	if o.DistillAlpha > 1 || o.DistillAlpha > 0 && o.DistillTemperature == 0 {
		errs = append(errs, fmt.Errorf("distill_alpha %g, distill_temperature %g: want the teacher's share of the loss, "+
			"from 0 to 1, and a temperature above 0, such as 2", o.DistillAlpha, o.DistillTemperature))
	}
	if !(o.EMADecay >= 0 && o.EMADecay < 1) {
		errs = append(errs, fmt.Errorf("ema_decay is %g: want from 0 (none) to below 1, such as 0.999", o.EMADecay))
	}
	return errors.Join(errs...)
}

// byMuon reports whether Muon moves a weight: a matrix of a layer. Embedding, head and norms are AdamW's.
func (o Options) byMuon(spec model.TensorSpec) bool {
	return o.Optimizer == optim.ByMuon && spec.Layer >= 0 && len(spec.Shape) == 2
}

// checkMuon refuses options of Muon that are out of range, or that a run without it would pass over.
func (o Options) checkMuon() error {
	d := Default()
	if o.Optimizer != optim.ByMuon {
		if o.MuonRate != d.MuonRate || o.MuonMomentum != d.MuonMomentum || o.MuonWeightDecay != d.MuonWeightDecay {
			return fmt.Errorf("muon_rate, muon_momentum and muon_weight_decay belong to optimizer %s, but the optimizer is %s: "+
				"set it, or leave them out", optim.ByMuon, o.Optimizer)
		}
		return nil
	}
	if !(o.MuonRate > 0) || math.IsInf(o.MuonRate, 0) || !(o.MuonMomentum >= 0 && o.MuonMomentum < 1) ||
		!(o.MuonWeightDecay >= 0) || math.IsInf(o.MuonWeightDecay, 0) {
		return fmt.Errorf("muon_rate %g, muon_momentum %g, muon_weight_decay %g: want a positive rate, a momentum from 0 "+
			"to below 1 and a decay of at least 0", o.MuonRate, o.MuonMomentum, o.MuonWeightDecay)
	}
	if o.LoRARank > 0 {
		return fmt.Errorf("optimizer is %s, but lora_rank is %d: adapters are moved by %s, as the recipe lora has it",
			optim.ByMuon, o.LoRARank, optim.ByAdamW)
	}
	return nil
}

// checkPreference refuses options of DPO that are out of range, or that a run without it would pass
// over.
func (o Options) checkPreference() error {
	if o.Objective != DPO {
		if o.DPOBeta != 0 || o.DPOLabelSmoothing != 0 || o.DPOLengthNormalized {
			return fmt.Errorf("dpo_beta, dpo_label_smoothing and dpo_length_normalized belong to objective %s, but the "+
				"objective is %s: set it, or leave them out", DPO, o.Objective)
		}
		return nil
	}
	var errs []error
	if !(o.DPOBeta > 0) || math.IsInf(o.DPOBeta, 0) {
		errs = append(errs, fmt.Errorf("dpo_beta is %g: want a positive number, such as 0.1", o.DPOBeta))
	}
	if !(o.DPOLabelSmoothing >= 0 && o.DPOLabelSmoothing < 0.5) {
		errs = append(errs, fmt.Errorf("dpo_label_smoothing is %g: want from 0 to below 0.5", o.DPOLabelSmoothing))
	}
	if o.BatchSize%2 != 0 {
		errs = append(errs, fmt.Errorf("batch_size is %d, which counts rows: want an even number, since objective %s takes "+
			"two for each pair", o.BatchSize, DPO))
	}
	if o.DistillAlpha != 0 || o.DistillRelations != 0 {
		errs = append(errs, fmt.Errorf("distill_alpha is %g and distill_relations %g: want 0, since objective %s learns "+
			"from pairs, not from a teacher", o.DistillAlpha, o.DistillRelations, DPO))
	}
	if o.ZLoss != 0 {
		errs = append(errs, fmt.Errorf("z_loss is %g: want 0, since objective %s has no such term", o.ZLoss, DPO))
	}
	return errors.Join(errs...)
}

// checkLoRA refuses options of adapters that are out of range, or that a run without adapters would
// pass over. What depends on the model is left to graph.LoRA.
func (o Options) checkLoRA() error {
	none := Options{LoRAAlpha: o.LoRAAlpha, LoRADropout: o.LoRADropout, LoRATargets: o.LoRATargets,
		LoRARankStabilized: o.LoRARankStabilized, LoRAPlacement: o.LoRAPlacement}
	var errs []error
	if o.LoRARank == 0 && none != (Options{}) {
		errs = append(errs, errors.New("lora_rank is 0, but other keys of adapters are set: set it, such as to 16, or leave "+
			"them out"))
	}
	if !(o.LoRADropout >= 0 && o.LoRADropout < 1) {
		errs = append(errs, fmt.Errorf("lora_dropout is %g: want from 0 to below 1", o.LoRADropout))
	}
	if o.LoRARank > 0 && (o.QuantizeFromStep+o.QuantizeWarmupSteps > 0 || o.QuantizeFromShare > 0) {
		errs = append(errs, fmt.Errorf("quantize_from_step is %d, quantize_from_share %g and quantize_warmup_steps %d, but "+
			"lora_rank is %d: adapters need a model that is rounded: set the first three to 0",
			o.QuantizeFromStep, o.QuantizeFromShare, o.QuantizeWarmupSteps, o.LoRARank))
	}
	return errors.Join(errs...)
}

// lora are the adapters of the run. Rank 0 is none.
func (o Options) lora() graph.LoRA {
	l := graph.LoRA{Rank: o.LoRARank, Alpha: o.LoRAAlpha, Dropout: o.LoRADropout, RankStabilized: o.LoRARankStabilized,
		Placement: o.LoRAPlacement}
	if l.Alpha == 0 {
		l.Alpha = 2 * float64(l.Rank)
	}
	if l.Placement == "" {
		l.Placement = adapter.Beside
	}
	for _, t := range strings.Split(o.LoRATargets, ",") {
		if t = strings.TrimSpace(t); t != "" {
			l.Targets = append(l.Targets, t)
		}
	}
	return l
}

// randomKey tells the micro-batches of a run apart; see graph.Decoder.SetKey.
func (o Options) randomKey(step, microBatch int) uint64 {
	return o.Seed*0x9e3779b97f4a7c15 + uint64(step)<<24 + uint64(microBatch)
}

// oneOf refuses a value that is none of the choices. The error names the option by its key.
func oneOf[T ~string](field, key string, found T, choices ...T) error {
	if slices.Contains(choices, found) {
		return nil
	}
	e := setting.Invalid("train.Options."+field, found, choices...)
	e.Problem = fmt.Sprintf("%s is %q", key, string(found))
	return e
}

// quantizeFrom is the first step in which something is rounded.
func (o Options) quantizeFrom() int {
	return max(o.QuantizeFromStep, int(math.Ceil(o.QuantizeFromShare*float64(o.MaxSteps))))
}

// lambda is the share of the rounding that is in force at a step, from 0 to 1.
func (o Options) lambda(step int) float64 {
	switch since := step - o.quantizeFrom(); {
	case since < 0:
		return 0
	case since >= o.QuantizeWarmupSteps:
		return 1
	default:
		return float64(since) / float64(o.QuantizeWarmupSteps)
	}
}

// CheckModel refuses options that a model would not follow.
func (o Options) CheckModel(c *model.Config) error {
	return errors.Join(o.checkInt4(c), o.checkGradients(c), o.checkRounding(c))
}

// checkRounding refuses a time before the rounding of a model that has none.
func (o Options) checkRounding(c *model.Config) error {
	if c.Ternary || o.QuantizeFromStep+o.QuantizeWarmupSteps == 0 && o.QuantizeFromShare == 0 {
		return nil
	}
	return errors.New("quantize_from_step or _share or quantize_warmup_steps is set and ternary false: they say when " +
		"the rounding comes into force, so set ternary to true, or leave them out")
}

// checkInt4 refuses a first stage in 8 bits of a model that stays there.
func (o Options) checkInt4(c *model.Config) error {
	if o.Int4FromShare > 0 && !c.Int4Activations {
		return fmt.Errorf("int4_from_share is %g, but int4_activations is false, so activations have 8 bits to the end: set "+
			"it to true, or leave int4_from_share out", o.Int4FromShare)
	}
	return nil
}

// rounding is what of the rounding is in force at a step.
func (o Options) rounding(step int) graph.Rounding {
	return graph.Rounding{Lambda: o.lambda(step), Int8: float64(step) < o.Int4FromShare*float64(o.MaxSteps)}
}

// samples are the texts that the run writes at each evaluation.
func (o Options) samples() samples.Options {
	s := samples.Options{Tokens: o.SampleTokens, Temperature: o.SampleTemperature}
	if s.Tokens == 0 {
		s.Tokens = Default().SampleTokens // of a run from before there were samples
	}
	for line := range strings.Lines(o.SamplePrompts) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			s.Prompts = append(s.Prompts, line)
		}
	}
	return s
}

// graph are the options of the graph of a run that begins or goes on at a step, on a number of
// threads.
func (o Options) graph(step, threads int) graph.Options {
	var pairs *graph.Preference
	if o.Objective == DPO {
		pairs = &graph.Preference{Beta: o.DPOBeta, LabelSmoothing: o.DPOLabelSmoothing,
			LengthNormalized: o.DPOLengthNormalized}
	}
	return graph.Options{Threads: threads, Batch: o.BatchSize, SequenceLength: o.SequenceLength, Backward: true,
		BF16: o.Precision == PrecisionBF16, Int8Gradients: o.Gradients == GradientsInt8,
		CheckpointActivations: o.CheckpointActivations, ZLoss: o.ZLoss,
		Unquantized: o.lambda(step) < 1 || o.MaxSteps == 0 && o.QuantizeFromShare > 0, // steps are still to be chosen
		Preference:  pairs}
}

func (o Options) schedule() optim.Schedule {
	return optim.Schedule{Kind: o.LRSchedule, Steps: o.MaxSteps, Warmup: min(o.WarmupSteps, o.MaxSteps/2),
		Rate: o.LearningRate, Stage2Rate: o.Stage2LearningRate, MinRate: o.MinLearningRate,
		Decay: o.WeightDecay, Stage2Decay: o.Stage2WeightDecay, Switch: o.StageSwitch, Shape: o.LRDecay}
}
