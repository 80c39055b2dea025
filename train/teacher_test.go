package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/train/distill"
	"trit/train/runlog"
)

// teacherRun trains a small model in full precision, without sub-norms, to learn from.
func teacherRun(t *testing.T, dataDir string, seed uint64) (dir string) {
	t.Helper()
	r := smallRun(dataDir, t.TempDir())
	r.Model.Ternary, r.Model.SubNorms, r.Options.Seed, r.Options.MaxSteps, r.Options.EMADecay = false, false, seed, 30, 0
	mustTrain(t, r)
	return r.OutDir
}

// taughtRun is a run that learns from a folder.
func taughtRun(dataDir, out, teacher string) Run {
	r := smallRun(dataDir, out)
	r.Options.DistillAlpha, r.Options.DistillTemperature, r.Options.Precision = 0.7, 2, PrecisionFloat32
	r.Teacher, r.OpenTeacher = teacher, func(r *Run) (distill.Teacher, error) { return FolderTeacher(r, teacher) }
	return r
}

func TestTaughtRun(t *testing.T) {
	dataDir := prepared(t)
	teacher := teacherRun(t, dataDir, 5)
	for name, change := range map[string]func(*Run){
		"logits": func(*Run) {},
		"relations, likeliest tokens": func(r *Run) {
			r.Options.DistillRelations, r.Options.DistillLayer, r.Options.DistillTopK = 1, 1, 16
			r.Options.CheckpointActivations = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := func(out string) Run {
				r := taughtRun(dataDir, out, teacher)
				change(&r)
				return r
			}
			testResumeIsExact(t, start)
			out := t.TempDir()
			mustTrain(t, start(out))
			steps := events(t, out, runlog.StepEvent)
			for _, e := range steps {
				o := start(out).Options
				want := 0.3*e.CE + 0.7*e.KL + o.DistillRelations*e.Relations
				if math.Abs(e.Loss-want) > 1e-6 || e.CE == 0 || e.KL == 0 || (e.Relations == 0) != (o.DistillRelations == 0) {
					t.Errorf("step %d: loss %g of ce %g, kl %g, relations %g", e.Step, e.Loss, e.CE, e.KL, e.Relations)
				}
			}
			if first, last := steps[0], steps[len(steps)-1]; name == "logits" && last.KL >= first.KL {
				t.Errorf("the divergence went from %g to %g", first.KL, last.KL)
			}
			if begun, err := RunOf(out); err != nil || begun.Teacher != teacher || begun.Options.DistillAlpha != 0.7 {
				t.Errorf("%v, teacher %q", err, begun.Teacher)
			}
		})
	}
}

// Two ranks do what one does.
func TestTaughtRunOnRanks(t *testing.T) {
	dataDir := prepared(t)
	teacher := teacherRun(t, dataDir, 5)
	var dirs [2]string
	for i := range dirs {
		dirs[i] = t.TempDir()
		r := taughtRun(dataDir, dirs[i], teacher)
		shared := sharedRun(dataDir, dirs[i])
		r.Model, r.Options.GradientAccumulation, r.Options.MaxSteps = shared.Model, 4, 8
		r.Options.LogInterval, r.Options.EvalBatches, r.Options.DistillRelations = 1, 5, 0.5
		if _, err := trainOn(i+1, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	compareRuns(t, dirs[1], dirs[0])
	a, b := events(t, dirs[0], runlog.StepEvent), events(t, dirs[1], runlog.StepEvent)
	for i := range a {
		if math.Abs(a[i].KL-b[i].KL) > closeTo*a[i].KL || math.Abs(a[i].Relations-b[i].Relations) > 1e-3*a[i].Relations {
			t.Errorf("step %d: kl %g and %g, relations %g and %g", a[i].Step, a[i].KL, b[i].KL, a[i].Relations, b[i].Relations)
		}
	}
}

// A file with the teacher's likeliest tokens teaches what the teacher itself teaches with them.
func TestCachedTeacher(t *testing.T) {
	dataDir := prepared(t)
	teacher := teacherRun(t, dataDir, 5)
	file := filepath.Join(t.TempDir(), "teacher.topk")
	run := func(cached bool) Run {
		r := taughtRun(dataDir, t.TempDir(), teacher)
		r.Options.MaxSteps, r.Options.DistillTopK = 6, 8
		if open := r.OpenTeacher; cached {
			r.Teacher, r.OpenTeacher = file, func(r *Run) (distill.Teacher, error) { return CachedTeacher(r, file, open) }
		}
		return r
	}
	direct, cached := run(false), run(true)
	mustTrain(t, direct)
	mustTrain(t, cached)
	checkSameWeights(t, weights(t, cached.OutDir), weights(t, direct.OutDir))

	again := run(true) // from the file alone
	again.OpenTeacher = func(*Run) (distill.Teacher, error) { return distill.OpenCache(file) }
	mustTrain(t, again)
	checkSameWeights(t, weights(t, again.OutDir), weights(t, direct.OutDir))

	for want, change := range map[string]func(*Run){
		"does not hold a row":   func(r *Run) { r.Options.Seed = 2 },
		"sequence_length is 16": func(r *Run) { r.Options.SequenceLength = 16 },
		"about other data":      func(r *Run) { r.DataDir = preparedFrom(t, 2) },
		"distill_top_k is 4":    func(r *Run) { r.Options.DistillTopK = 4 },
		"no states":             func(r *Run) { r.Options.DistillRelations = 1 },
	} {
		r := run(true)
		change(&r)
		if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestBadTeachers(t *testing.T) {
	dataDir, other := prepared(t), preparedFrom(t, 2)
	teacher := teacherRun(t, dataDir, 5)
	begun := taughtRun(dataDir, t.TempDir(), teacher)
	begun.Options.MaxSteps = 2
	mustTrain(t, begun)
	resume := func(dir string) Run {
		r := taughtRun(dataDir, begun.OutDir, dir)
		r.Options.MaxSteps, r.Resume, r.Extend = 4, true, true
		return r
	}
	for want, r := range map[string]Run{
		"with another teacher": resume(teacherRun(t, dataDir, 6)),
		"another tokenizer":    taughtRun(other, t.TempDir(), teacher),
		"would learn nothing": func() Run {
			r := taughtRun(dataDir, t.TempDir(), teacher)
			r.Options.DistillAlpha = 0
			return r
		}(),
		"there is no teacher": func() Run {
			r := resume(teacher)
			r.Teacher, r.OpenTeacher = "", nil
			return r
		}(),
		"set vocab_size to 320": func() Run {
			r := taughtRun(dataDir, t.TempDir(), teacher)
			r.Model.VocabSize = 384
			return r
		}(),
		"no file to distil from": func() Run {
			r := taughtRun(dataDir, t.TempDir(), filepath.Join(t.TempDir(), "no file to distil from"))
			return r
		}(),
	} {
		if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	without := smallRun(dataDir, begun.OutDir)
	without.Options.MaxSteps, without.Resume = 2, true
	if _, err := Train(context.Background(), without); err == nil {
		t.Error("a run was resumed without its teacher")
	}
}

// A student of its teacher's shape begins with the teacher's weights, and with sub-norms of ones.
func TestAdaptedStudent(t *testing.T) {
	dataDir := prepared(t)
	teacher := teacherRun(t, dataDir, 5)
	r := taughtRun(dataDir, t.TempDir(), teacher)
	r.Init, r.Adapt = teacher, true
	r.Options.MaxSteps, r.Options.LearningRate, r.Options.Stage2LearningRate, r.Options.EMADecay = 1, 0, 0, 0
	mustTrain(t, r)
	theirs, ours := newest(t, teacher, "model"), newest(t, r.OutDir, "model")
	added := 0
	for name, w := range ours {
		want, shared := theirs[name]
		if !shared {
			added++
			want = slices.Repeat([]float32{1}, len(w))
		}
		if !slices.Equal(w, want) {
			t.Errorf("%s is not what the run shall begin with", name)
		}
	}
	if added != 4 {
		t.Errorf("%d weights were added, want two sub-norms for each of two layers", added)
	}
	log, err := os.ReadFile(filepath.Join(r.OutDir, runlog.LogFile))
	if err != nil || !strings.Contains(string(log), "fresh (norms are 1): model.layers.0.self_attn.attn_sub_norm.weight") {
		t.Errorf("the log does not say what is new: %s", log)
	}
}
