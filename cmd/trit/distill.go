package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/configs"
	"trit/infer"
	"trit/model"
	"trit/repro"
	"trit/train"
	"trit/train/distill"
)

// sameStudent is the student that has the teacher's shape.
const sameStudent = "same"

func distillCommand() *cli.Command {
	return &cli.Command{
		Name: "distill", Usage: "train a ternary model that learns from another model, beside its data",
		ArgsUsage: "TEACHER",
		Description: "TEACHER is a folder of master weights or a run, a model of the Hub, a GGUF file, or a file that " +
			"--teacher-cache wrote.\nIt must have the tokenizer that the data were encoded with.\n\n" +
			cmdline.Examples("trit distill llama-160m --config distill-llama --data data --out run",
				"trit distill teacher.gguf --student trit-3m --config distill-llama --data data --out run",
				"trit distill teacher --config distill-llama --data data --out run --set distill_top_k=32 "+
					"--teacher-cache teacher.topk",
				"trit distill --resume --out run"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "student", Usage: "`PRESET` or JSON file whose model is trained, or same: the teacher's shape, ternary, begun with its weights; with sub-norms unless the recipe has a scale a group (default: the model of --config, or same if that holds a recipe alone)"},
			&cli.StringFlag{Name: "config", Usage: "`PRESET` or JSON file of the recipe"},
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare with the teacher's tokenizer"},
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the run: checkpoints and metrics.jsonl"},
			&cli.StringFlag{Name: "init", Usage: "begin with the model and the weights in `DIR` instead of --student"},
			&cli.StringFlag{Name: "teacher-cache", Usage: "ask the teacher once, write its distill_top_k likeliest tokens to `FILE`, and learn from that; a FILE that is there is used"},
		}, runFlags(), models.HubFlags()),
		Action: distillAction,
	}
}

func distillAction(c *cli.Context) error {
	if c.Args().Len() > 1 || c.Args().Len() == 0 && !c.Bool("resume") {
		return cmdline.Usagef("one TEACHER is needed: a folder, a GGUF file, or a file that --teacher-cache wrote")
	}
	print, dry := c.Bool("print-config"), c.Bool("dry-run")
	if !print && !dry {
		return trainRanks(c, func() (trainJob, error) { return newDistillJob(c) })
	}
	l, err := newLesson(c)
	switch {
	case err != nil:
		return err
	case print:
		return printConfig(c, l.config)
	}
	cost, err := l.cost(c.Int("threads"))
	if err != nil {
		return err
	}
	return dryRun(c, l.config, cost)
}

// lesson is a configuration and the teacher that it learns from.
type lesson struct {
	config  configs.Config
	teacher string     // path; "": that of the run that is resumed
	adapt   bool       // the student begins with the weights of the teacher
	begun   *train.Run // that is resumed; nil: none
}

// newLesson reads the flags.
func newLesson(c *cli.Context) (l lesson, err error) {
	if l.begun, err = begunRun(c); err != nil {
		return l, err
	}
	if c.Args().Present() {
		if l.teacher, err = models.Find(c, c.Args().First()); err != nil {
			return l, fmt.Errorf("the teacher: %w", err)
		}
		if l.teacher, err = filepath.Abs(l.teacher); err != nil {
			return l, err
		}
	}
	if l.config, l.adapt, err = studentConfig(c, l.begun, l.teacher); err != nil {
		return l, err
	}
	return l, applyFlags(c, &l.config)
}

// cost is what the teacher takes beside the student. Of a file that is asked, or that is in 2 bits, it is
// the file.
func (l lesson) cost(threads int) (t configs.Teacher, err error) {
	path := l.teacher
	if path == "" && l.begun != nil {
		path = l.begun.Teacher
	}
	if distill.IsCache(path) {
		return t, nil
	}
	read := models.ConfigOf
	if models.IsFolder(path) {
		read = train.InitialModel
	}
	m, err := read(path)
	if err != nil {
		return t, fmt.Errorf("the teacher: %w", err)
	}
	t.FLOPsPerToken = int64(m.FLOPsPerToken(l.config.SequenceLength) / 3) // the forward pass alone
	if models.IsFolder(path) {
		t.MemoryBytes = train.TeacherMemory(m, l.config.Options, threads)
		return t, nil
	}
	info, err := os.Stat(path)
	if err == nil {
		t.MemoryBytes = info.Size()
	}
	return t, err
}

// newDistillJob makes a run of the flags and of its teacher, and of the run in --out if it is resumed.
func newDistillJob(c *cli.Context) (j trainJob, err error) {
	l, err := newLesson(c)
	if err != nil {
		return j, err
	}
	if j, err = newJob(c, l.begun, l.config); err != nil {
		return j, err
	}
	if l.adapt {
		j.Init, j.Adapt = l.teacher, true
	}
	if l.teacher != "" {
		j.Teacher = l.teacher
	}
	if file := c.String("teacher-cache"); file != "" {
		j.TeacherCache, err = filepath.Abs(file)
	}
	return j, err
}

// studentConfig is the configuration before the flags change it: of the run that is resumed, or of the
// recipe --config and of the student, which adapts the weights of the teacher if it has its shape.
func studentConfig(c *cli.Context, begun *train.Run, teacher string) (config configs.Config, adapt bool, err error) {
	if begun != nil {
		config, err = baseConfig(c, begun)
		return config, false, err
	}
	config = configs.Default()
	config.DistillAlpha, config.DistillTemperature = 0.7, 2
	if name := c.String("config"); name != "" {
		if config, err = configs.LoadOver(config, name); err != nil {
			return config, false, cmdline.Usagef("--config: %v", err)
		}
	}
	student, init := c.String("student"), c.String("init")
	switch {
	case init != "" && student != "":
		return config, false, cmdline.Usagef("--init and --student both name the model: give one of them")
	case init != "":
		config.Config, err = train.InitialModel(init)
		return config, false, err
	case student == "" && config.HiddenSize > 0:
		return config, false, nil
	case student == "" || student == sameStudent:
		config.Config, err = sameShape(teacher, config.Config)
		return config, err == nil, err
	}
	preset, err := configs.Load(student)
	if err != nil {
		return config, false, cmdline.Usagef("--student: %v", err)
	}
	config.Config = preset.Config
	return config, false, nil
}

// sameShape is the model of a teacher, ternary. With a scale a group, as the recipe may say, its blocks are
// the teacher's; else they get sub-norms, unless they have norms of heads: no architecture of GGUF has both.
func sameShape(teacher string, recipe model.Config) (m model.Config, err error) {
	if !models.IsFolder(teacher) {
		return m, cmdline.Usagef("--student same begins with the weights of a folder, and %s is a file: "+
			"trit convert %[1]s DIR makes a folder to name in its place; or name the student's model with --student PRESET",
			filepath.Base(teacher))
	}
	if m, err = train.InitialModel(teacher); err != nil {
		return m, fmt.Errorf("the teacher: %w", err)
	}
	if m.Ternary = true; recipe.IsGrouped() {
		return m.RoundedAs(recipe), nil
	}
	m.SubNorms = !m.QKNorm
	return m, nil
}

// setTeacher gives a run its teacher.
func (j trainJob) setTeacher(r *train.Run) {
	if j.Teacher == "" {
		return
	}
	open := func(r *train.Run) (distill.Teacher, error) { return openTeacher(r, j.Teacher) }
	r.Teacher, r.OpenTeacher = j.Teacher, open
	if j.TeacherCache != "" {
		r.Teacher = j.TeacherCache
		r.OpenTeacher = func(r *train.Run) (distill.Teacher, error) { return train.CachedTeacher(r, j.TeacherCache, open) }
	}
}

// openTeacher opens the teacher of a run: a folder, a file with what one said, or a GGUF file.
func openTeacher(r *train.Run, path string) (distill.Teacher, error) {
	switch {
	case models.IsFolder(path):
		return train.FolderTeacher(r, path)
	case distill.IsCache(path):
		return distill.OpenCache(path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("the teacher: %w", err)
	}
	return repro.EngineTeacher(r, path, infer.Options{Threads: r.Threads})
}
