package cmdline

// FlagOf maps an option of a package to the flag or command that sets it. Errors of packages name
// options by their Go fields (see package setting); the command shows its flags instead.
var FlagOf = map[string]string{
	// convert
	"convert.Options.Type":          "--type",
	"convert.Options.EmbeddingType": "--embedding-type",
	"convert.Options.Pad":           "--pad",
	"convert.Options.Rotate":        "--rotate",
	"convert.Options.Unrotate":      "--unrotate",
	"convert.Options.Overwrite":     "--force",
	"merge.Merge":                   "trit merge",
	"merge.Options.Lossy":           "--lossy",
	"source.Options.Scale":          "--scale",
	"source.Options.Weights":        "--weights",
	"source.Options.Set":            "--config-key",

	// data and tokenizer
	"data.Prepare":                         "trit data prepare",
	"data.PrepareOptions.Files":            "--data",
	"data.PrepareText":                     "--text",
	"conversation.Options.Form":            "--form",
	"source.Options.Column":                "--column",
	"source.Options.Documents":             "--documents",
	"source.Options.Paths":                 "--data or --text",
	"data.PrepareOptions.Holdout":          "--holdout",
	"data.PrepareOptions.Out":              "--out",
	"data.PrepareOptions.Sets":             "--data and --mix",
	"dedup.NewSeen":                        "--duplicates-memory",
	"filter.Options.MaxChars":              "--min-chars and --max-chars",
	"filter.Options.Languages":             "--language",
	"filter.Options.Keep":                  "--where",
	"data.PrepareOptions.Kind":             "--chat or --preferences",
	"data.PrepareOptions.Length":           "--length",
	"data.PrepareOptions.TooLong":          "--too-long",
	"tokenizer.Tokenizer.WithChatTemplate": "--chat-template",
	"data.TokenizerOptions.Out":            "--out",
	"tokenizer.Tokenizer.Encode":           "trit run -p",
	"tokenizer.Train":                      "trit tokenizer train",
	"tokenizer.TrainOptions.VocabSize":     "--vocab-size",

	// eval and infer
	"lm.Sampling.Temperature": "--temperature", "lm.Sampling.TopK": "--top-k", "lm.Sampling.TopP": "--top-p",
	"lm.Sampling.MinP": "--min-p", "lm.Sampling.RepetitionPenalty": "--repetition-penalty",
	"infer.Options.Head": "--head", "infer.Options.Weights": "--weights", "infer.Options.Cache": "--cache",
	"infer.Options.Activations":      "--activations",
	"eval.Options.AllowPartial":      "--allow-partial",
	"eval.Options.Append":            "--append",
	"eval.Options.ApplyChatTemplate": "--apply-chat-template",
	"eval.Options.Cache":             "--use-cache",
	"eval.Options.DataDir":           "--data-dir",
	"eval.Options.FewshotMultiturn":  "--fewshot-as-multiturn",
	"eval.Options.Limit":             "--limit",
	"eval.Options.MaxTokens":         "--max-gen-toks",
	"eval.Options.NumFewshot":        "--num-fewshot",
	"eval.Options.Out":               "--out",
	"eval.Options.Samples":           "--samples",
	"eval.Options.Sandbox":           "--allow-code-execution",
	"eval.Options.StrictLength":      "--strict-length",
	"eval.Options.Tasks":             "--tasks",
	"tasks.Names":                    "trit eval list",
	"mtbench.Judging.Draw":           "--category-temperatures",
	"mtbench.Judging.Judge":          "--judge",
	"mtbench.Run":                    "trit eval mt_bench",
	"openai.Server.Timeout":          "--request-timeout",

	// internal/hub
	"hub.Client.Cache":    "--hub-cache",
	"hub.Client.Endpoint": "--endpoint",
	"hub.Client.Offline":  "--offline",
	"hub.Client.Verify":   "--verify",
	"hub.Client.Token":    "HF_TOKEN or --token-file",
	"hub.Repo.Kind":       "--dataset",

	// repro
	"repro.QuickstartOptions.Dir":       "--out",
	"repro.RecipesOptions.Out":          "--out",
	"repro.RecipesOptions.Set":          "--file",
	"repro.ScalingOptions.Configs":      "--configs",
	"repro.ScalingOptions.Out":          "--out",
	"repro.ScalingOptions.Set":          "--set",
	"repro.ScalingOptions.Tokens":       "--tokens",
	"repro.TableOptions.Beside":         "--beside",
	"repro.TableOptions.Out":            "--out",
	"repro.TableOptions.Models":         "--model",
	"repro.TableOptions.Tasks":          "--tasks",
	"repro.PlanOptions.Configs":         "--configs",
	"repro.PlanOptions.TokensPerWeight": "--tokens-per-weight",

	// serve
	"serve.Certificate.Cert": "--tls-cert",
	"serve.Certificate.Key":  "--tls-key",

	// serve/telemetry
	"telemetry.Options.History": "--history",
	"telemetry.Options.Rules":   "--alert",
	"telemetry.Options.Traces":  "--trace-endpoint",
	"telemetry.Options.Webhook": "--alert-webhook",

	// train
	"data.PrepareOptions.Tokenizer": "trit data prepare --tokenizer",
	"train.Options.MaxSteps":        "--max-steps",
	"train.Run.DataDir":             "--data",
	"train.Run.Init":                "--init",
	"train.Run.MaxTime":             "--max-time",
	"train.Run.Model":               "--config",
	"train.Run.OutDir":              "--out",
	"train.Run.Resume":              "--resume",
	"train.Run.Teacher":             "trit distill",
}

// SettingName returns the user's name of a field: a flag, or the field itself if it has none.
func SettingName(field string) string {
	if flag, ok := FlagOf[field]; ok {
		return flag
	}
	return field
}
