package main

// flagOf is the flag that sets an option of a package: errors of packages name options by
// their Go fields (see package setting), and the command shows its flags instead.
var flagOf = map[string]string{
	// convert

	// data and tokenizer

	// eval and infer
	"infer.Options.Head": "--head", "infer.Options.Weights": "--weights", "infer.Options.Cache": "--cache",

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
