package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"
)

// profile is a kind of machine to run on.
type profile struct {
	threads  int // 0: all cores
	sessions int
	memory   int // bytes for weights, head and cache
}

var profiles = map[string]profile{
	"mobile": {2, 1, 3 << 30},
	"edge":   {4, 1, 8 << 30},
	"server": {0, 8, 64 << 30},
	"cloud":  {0, 32, 256 << 30},
}

func profileNames() []string { return slices.Sorted(maps.Keys(profiles)) }

// applyProfile sets the flags that were not given.
func applyProfile(c *cli.Context) error {
	name := c.String("profile")
	if name == "" {
		return nil
	}
	p, ok := profiles[name]
	if !ok {
		return usagef("--profile is %q: want one of %v", name, profileNames())
	}
	for flag, value := range map[string]int{"threads": p.threads, "sessions": p.sessions} {
		if !c.IsSet(flag) {
			if err := c.Set(flag, strconv.Itoa(value)); err != nil {
				return err
			}
		}
	}
	return nil
}
