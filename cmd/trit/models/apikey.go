package models

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/internal/hub"
)

// APIKey returns the key in the file that a flag names, or without it the key of the environment,
// which may be "".
func APIKey(c *cli.Context, flag string) (string, error) {
	key := hub.CleanToken(os.Getenv("OPENAI_API_KEY"))
	if file := c.String(flag); file != "" {
		var err error
		if key, err = hub.ReadToken(file); err != nil {
			return "", fmt.Errorf("--%s: %w", flag, err)
		}
		if key == "" {
			return "", fmt.Errorf("--%s: %s holds no key", flag, file)
		}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("the key of the server holds spaces or other characters that no key has: "+
			"check OPENAI_API_KEY or --%s", flag)
	}
	return key, nil
}
