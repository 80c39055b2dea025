package cmdline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/internal/nearest"
)

// choiceFlag is a flag whose value is one of some words.
type choiceFlag struct {
	*cli.StringFlag
	words []string
}

// OneOfFlag makes a flag whose value is one of the choices; the first is the default.
func OneOfFlag[T ~string](name, usage string, choices ...T) cli.Flag {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	usage += " (`HOW`: " + strings.Join(words, ", ") + ")"
	return choiceFlag{&cli.StringFlag{Name: name, Usage: usage, Value: words[0]}, words}
}

// ChoiceFlag makes a flag whose value, if it is given, is one of the words. The usage names them.
func ChoiceFlag(name, usage string, words ...string) cli.Flag {
	return choiceFlag{&cli.StringFlag{Name: name, Usage: usage}, words}
}

// checkValue checks the form of a flag's value, and that a number is not negative where it cannot be.
func checkValue(f cli.Flag, value string) error {
	var err error
	switch f := f.(type) {
	case choiceFlag:
		if slices.Contains(f.words, value) {
			return nil
		}
		return Usagef("%s is %q%s", dashes(f.Name), value, nearest.OneOf(value, f.words, nil))
	case *cli.IntFlag, *cli.Int64Flag:
		_, err = strconv.ParseInt(value, 0, 64)
	case *cli.Uint64Flag:
		_, err = strconv.ParseUint(value, 0, 64)
	case *cli.Float64Flag:
		var v float64
		if v, err = strconv.ParseFloat(value, 64); math.IsNaN(v) || math.IsInf(v, 0) {
			err = strconv.ErrRange
		}
	case *cli.GenericFlag:
		err = new(Time).Set(value)
	default:
		return nil
	}
	if err != nil || strings.HasPrefix(value, "-") && !mayBeNegative(f) {
		return Usagef("%s is %q: want %s", dashes(f.Names()[0]), value, form(f, dashes(f.Names()[0])))
	}
	return nil
}

// mayBeNegative reports whether a number below 0 has a meaning: the default is one, or the help names -1.
func mayBeNegative(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && (strings.HasPrefix(d.GetValue(), "-") || strings.Contains(d.GetUsage(), "-1"))
}

// form says what the value looks like of a flag that was written so.
func form(f cli.Flag, written string) string {
	switch f := f.(type) {
	case choiceFlag:
		return "one of " + strings.Join(f.words, ", ")
	case *cli.IntFlag, *cli.Int64Flag, *cli.Uint64Flag:
		if mayBeNegative(f) {
			return "a whole number"
		}
		return "a whole number of at least 0"
	case *cli.Float64Flag:
		if mayBeNegative(f) {
			return "a number"
		}
		return "a number of at least 0"
	case *cli.GenericFlag:
		return "a time such as 90s, 2m, 1.5h or 1h30m"
	}
	return written + " " + placeholder(f)
}

// Time is the value of a flag that TimeFlag makes. [cli.Context.Duration] reads it.
type Time time.Duration

// TimeFlag makes a flag of a time, such as 90s or 2min.
func TimeFlag(name, usage string, value time.Duration) cli.Flag {
	t := Time(value)
	f := &cli.GenericFlag{Name: name, Usage: usage, Value: &t}
	if value == 0 {
		f.DefaultText = "none"
	}
	return f
}

// Get is the time as a time.Duration.
func (t *Time) Get() any { return time.Duration(*t) }

// String is the time as time.ParseDuration reads it.
func (t *Time) String() string { return time.Duration(*t).String() }

// units are the units of a time with what people write for them.
var units = []struct {
	unit  time.Duration
	names string
}{
	{time.Millisecond, "ms"},
	{time.Second, "s sec secs second seconds"},
	{time.Minute, "m min mins minute minutes"},
	{time.Hour, "h hr hrs hour hours"},
	{24 * time.Hour, "d day days"},
}

// Set reads numbers with units: 90s, 2min, 1h30m, 1.5h.
func (t *Time) Set(text string) error {
	sum, rest := 0.0, strings.ReplaceAll(text, " ", "")
	for rest != "" {
		named := strings.TrimLeft(rest, "0123456789.")
		number, err := strconv.ParseFloat(rest[:len(rest)-len(named)], 64)
		if err != nil {
			return fmt.Errorf("no number before %q", named)
		}
		rest = strings.TrimLeft(named, "abcdefghijklmnopqrstuvwxyz")
		name := named[:len(named)-len(rest)]
		unit := unitOf(name)
		if unit == 0 {
			return fmt.Errorf("no unit %q", name)
		}
		sum += number * float64(unit)
	}
	if strings.TrimSpace(text) == "" || sum > math.MaxInt64/2 {
		return fmt.Errorf("%q is no time", text)
	}
	*t = Time(sum)
	return nil
}

// unitOf returns the unit of a name, 0 for none.
func unitOf(name string) time.Duration {
	for _, u := range units {
		if slices.Contains(strings.Fields(u.names), name) {
			return u.unit
		}
	}
	return 0
}
