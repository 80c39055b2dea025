package main

// flagOf is the flag that sets an option of a package: errors of packages name options by
// their Go fields (see package setting), and the command shows its flags instead.
var flagOf = map[string]string{
	// convert

	// data and tokenizer
	"data.Prepare":                     "trit data prepare",
	"data.PrepareOptions.Files":        "--data",
	"data.PrepareOptions.Holdout":      "--holdout",
	"data.PrepareOptions.Out":          "--out",
	"data.TokenizerOptions.Out":        "--out",
	"tokenizer.Tokenizer.Encode":       "trit run -p",
	"tokenizer.Train":                  "trit tokenizer train",
	"tokenizer.TrainOptions.VocabSize": "--vocab-size",

	// eval and infer
	"eval.Options.Sandbox": "--allow-code-execution",

	// internal/hub
	"hub.Client.Cache":    "--hub-cache",
	"hub.Client.Endpoint": "--endpoint",
	"hub.Client.Offline":  "--offline",
	"hub.Client.Token":    "HF_TOKEN or --token-file",
	"hub.Repo.Kind":       "--dataset",

	// repro
	"repro.QuickstartOptions.Dir":  "--out",
	"repro.ScalingOptions.Configs": "--configs",
	"repro.ScalingOptions.Set":     "--set",
	"repro.ScalingOptions.Tokens":  "--tokens",
	"repro.TableOptions.Beside":    "--beside",
	"repro.TableOptions.Tasks":     "--tasks",

	// train
}

// settingName is what the user calls a field.
func settingName(field string) string {
	if flag, ok := flagOf[field]; ok {
		return flag
	}
	return field
}
