package train

import "fmt"

// rollback goes back to the last checkpoint, but not in the data: the batches since then
// are passed over. The checkpoint is told, so that a run that is resumed from it does
// the same.
func (t *trainer) rollback(finding string) error {
	count, most, best := t.memory.Rollbacks+1, t.run.Options.MaxRollbacks, t.memory.Best
	from, ahead := t.step+1, t.loader.State()
	if count > most {
		return fmt.Errorf("step %d: %s: the run was taken back %d times already (max_rollbacks): begin another with a lower learning_rate", from, finding, most)
	}
	if err := t.restore(); err != nil {
		return err
	}
	t.memory.Rollbacks, t.memory.Best = count, best
	if err := t.loader.Restore(ahead); err != nil {
		return err
	}
	if err := t.updateState(); err != nil {
		return err
	}
	t.stepTime, t.logTokens = 0, t.tokens
	note := fmt.Sprintf("step %d: %s; back to step %d and on behind the data since then (%d of at most %d)", from, finding, t.step, count, most)
	t.warnings = append(t.warnings, Event{Event: "rollback", Note: note})
	return t.logWarnings()
}
