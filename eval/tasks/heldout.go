package tasks

import (
	"context"

	"trit/data"
	"trit/eval"
	"trit/setting"
)

// BitsPerByte is the name of the task that measures perplexity on the held-out documents of
// prepared data: eval.Options.DataDir is the folder that data.Prepare wrote.
const BitsPerByte = string(eval.BitsPerByte)

var heldOut = eval.Task{
	Name: BitsPerByte, About: "perplexity of the held-out documents of data prepared by trit",
	Kind: eval.Rolling, Version: 1,
	Test: eval.Source{Files: []string{"a folder of prepared data"}}, Tokens: heldOutDocuments,
}

func heldOutDocuments(_ context.Context, o *eval.Options) ([]eval.TokenDocument, error) {
	if o.DataDir == "" {
		return nil, setting.Needs("eval.Options.DataDir",
			"name the folder of prepared data, with held-out documents, with {eval.Options.DataDir}", "")
	}
	var docs []eval.TokenDocument
	for d, err := range data.HeldoutDocuments(o.DataDir) {
		if err != nil {
			return nil, err
		}
		if d.Learn != nil {
			return nil, setting.Needs("eval.Options.DataDir", o.DataDir+" holds conversations: this task measures documents",
				"give texts with {eval.Options.DataDir}; training measures the answers in held-out conversations")
		}
		docs = append(docs, eval.TokenDocument{IDs: d.IDs, Bytes: int(d.Bytes)})
	}
	if len(docs) == 0 {
		return nil, setting.Needs("data.PrepareOptions.Holdout",
			o.DataDir+" holds no held-out documents", "prepare it with {data.PrepareOptions.Holdout}")
	}
	return docs, nil
}
