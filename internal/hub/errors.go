package hub

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// StatusError is a refusal, of the Hub or of the server that it sends to for a file.
type StatusError struct {
	Status  int
	Code    string        // the Hub's X-Error-Code, such as GatedRepo; "" where it gives none
	Wait    time.Duration // how long the server wants to be left alone
	text    string
	expired bool // an address of a CDN that is no longer good
}

func (e *StatusError) Error() string { return e.text }

// UnreachableError is a server that gave no answer, or broke one off.
type UnreachableError struct {
	Host  string
	Err   error
	broke bool
}

func (e *UnreachableError) Error() string {
	if e.broke {
		return fmt.Sprintf("%s broke off: %v: the same command goes on from there", e.Host, e.Err)
	}
	return fmt.Sprintf("cannot reach %s: %v: --endpoint names a mirror, --offline takes what the cache has", e.Host, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// MismatchError is a file that is not what the Hub says it is. It was deleted.
type MismatchError struct{ File, Expected, Found string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: expected %s, found %s: what came was deleted, fetch it again or from another --endpoint", e.File, e.Expected, e.Found)
}

// errOffline is a file that would have to be fetched.
var errOffline = errors.New("not in the cache, and nobody was asked for it")

// statusError explains an answer that is no success, for a file or, with "", for the list.
func (j *job) statusError(r *response, path string) *StatusError {
	e := &StatusError{Status: r.StatusCode, Code: r.Header.Get("X-Error-Code"), Wait: askedWait(r.Header, time.Now())}
	if !j.own(r.Request.URL) {
		e.expired = e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Status == http.StatusNotFound || e.Status == http.StatusGone
		e.text = fmt.Sprintf("%s answers %d for %s", r.Request.URL.Host, e.Status, path)
		return e
	}
	e.text = j.explain(e, r.Header.Get("X-Error-Message"), path)
	return e
}

func (j *job) explain(e *StatusError, message, path string) string {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return j.explainRate(e)
	case e.Code == "GatedRepo":
		return fmt.Sprintf("%s is gated: accept its conditions at %s, and give a token of the account that did, by HF_TOKEN or --token-file", j.repo.ID, j.page())
	case e.Code == "RevisionNotFound":
		return fmt.Sprintf("%s has no revision %q: its page %s lists branches and tags", j.repo.ID, j.repo.Revision, j.page())
	case e.Code == "EntryNotFound", e.Status == http.StatusNotFound && e.Code == "" && path != "":
		return fmt.Sprintf("%s has no file %q", j.repo, path)
	case e.Code == "" && e.Status == http.StatusNotFound:
		return fmt.Sprintf("there is no %s %s at %s, or it has no revision %q", j.repo.Kind, j.repo.ID, j.base.Host, j.repo.Revision)
	case e.Status == http.StatusUnauthorized && j.Token != "" && e.Code == "":
		return fmt.Sprintf("%s refuses the token for %s: it is wrong or has expired; give another by HF_TOKEN or --token-file", j.base.Host, j.repo.ID)
	case e.Status == http.StatusUnauthorized, e.Code == "RepoNotFound":
		return j.explainMissing()
	case e.Status == http.StatusForbidden && j.Token != "":
		return fmt.Sprintf("the token may not read %s: give one that may, by HF_TOKEN or --token-file", j.repo.ID)
	case e.Status == http.StatusForbidden:
		return fmt.Sprintf("%s may not be read without a token: give one by HF_TOKEN or --token-file", j.repo.ID)
	}
	text := fmt.Sprintf("%s answers %d for %s", j.base.Host, e.Status, j.repo)
	if message != "" {
		text += fmt.Sprintf(" and says %q", clip(message))
	}
	return text
}

// explainMissing is for a repository that the Hub does not show: it does not tell a
// private one from none.
func (j *job) explainMissing() string {
	text := fmt.Sprintf("there is no %s %s at %s", j.repo.Kind, j.repo.ID, j.base.Host)
	if j.Token == "" {
		text += ", or it is private or gated: check the name, or give a token by HF_TOKEN or --token-file"
	} else {
		text += " that this token may see: check the name"
	}
	if j.repo.Kind == Model {
		text += "; a data set needs --dataset"
	}
	return text
}

func (j *job) explainRate(e *StatusError) string {
	text := fmt.Sprintf("%s has had too many requests", j.base.Host)
	if e.Wait > 0 {
		text += fmt.Sprintf(" and wants to be left alone for %v", e.Wait.Round(time.Second))
	}
	if j.Token == "" {
		return text + "; a token (HF_TOKEN or --token-file) may have more"
	}
	return text + "; try again later"
}

// page is the address of the repository for people.
func (j *job) page() string {
	if j.repo.Kind == Dataset {
		return j.base.JoinPath("datasets", j.repo.ID).String()
	}
	return j.base.JoinPath(j.repo.ID).String()
}
