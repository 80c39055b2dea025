package main

// flagOf is the flag that sets an option of a package: errors of packages name options by
// their Go fields (see package setting), and the command shows its flags instead.
var flagOf = map[string]string{
	// convert

	// data and tokenizer
	"data.PrepareOptions.Holdout": "--holdout",

	// eval and infer
	"eval.Options.AllowPartial":      "--allow-partial",
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
	"eval.Options.Tasks":             "--tasks",
	"openai.Client.Timeout":          "--request-timeout",

	// internal/hub

	// train
}

// settingName is what the user calls a field.
func settingName(field string) string {
	if flag, ok := flagOf[field]; ok {
		return flag
	}
	return field
}
