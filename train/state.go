package train

import (
	"encoding/json"
	"fmt"

	"trit/train/checkpoint"
)

// memory is what the loop remembers of the steps before, beside weights and moments.
type memory struct {
	Best      *Best           `json:"best,omitempty"`
	Patience  patience        `json:"patience"`
	Rollbacks int             `json:"rollbacks,omitempty"`
	Guard     json.RawMessage `json:"guard,omitempty"`
}

// remember reads what the loop knew at a checkpoint.
func (t *trainer) remember(c *checkpoint.Loaded) error {
	t.memory = memory{}
	if len(c.State.Loop) == 0 {
		return nil // of a run from before there was anything to remember
	}
	if err := json.Unmarshal(c.State.Loop, &t.memory); err != nil {
		return fmt.Errorf("%s: loop: %w", c.Dir, err)
	}
	if len(t.memory.Guard) == 0 {
		return nil
	}
	if err := json.Unmarshal(t.memory.Guard, t.guard); err != nil {
		return fmt.Errorf("%s: guard: %w", c.Dir, err)
	}
	return nil
}

// updateState writes into the checkpoint of this step what became of it since: the
// position in the data and what the loop remembers.
func (t *trainer) updateState() error {
	if !t.leads() {
		return nil
	}
	now, err := t.state()
	if err != nil {
		return err
	}
	return checkpoint.UpdateState(t.run.OutDir, t.step, func(s *checkpoint.State) { s.Loader, s.Loop = now.Loader, now.Loop })
}

// state is what a checkpoint says of the run.
func (t *trainer) state() (s checkpoint.State, err error) {
	s.Step, s.Tokens = t.step, t.tokens
	if t.memory.Guard, err = json.Marshal(t.guard); err != nil {
		return s, err
	}
	for _, part := range []struct {
		dst   *json.RawMessage
		value any
	}{{&s.Options, t.run.Options}, {&s.Loader, t.loader.State()}, {&s.Loop, t.memory}} {
		if *part.dst, err = json.Marshal(part.value); err != nil {
			return s, err
		}
	}
	return s, nil
}
