package ifeval

import "testing"

// TestMarksAreCounted asks for marks instead of letters, as two documents of the set do.
func TestMarksAreCounted(t *testing.T) {
	d := documents(t, `{"prompt":"p","instruction_id_list":["keywords:letter_frequency"],`+
		`"kwargs":[{"letter":"#","let_frequency":4,"let_relation":"at least"}]}`)[0]
	list, err := instructionsOf(d)
	if err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]bool{"#a #b #c #d": true, "#a #b #c d": false} {
		if got := follows(list, answer)[0]; got != want {
			t.Errorf("%q: %v, want %v", answer, got, want)
		}
	}
}

// TestJSONAsPythonReadsIt has the verdicts of json.loads.
func TestJSONAsPythonReadsIt(t *testing.T) {
	for s, want := range map[string]bool{
		`NaN`: true, `-Infinity`: true, `[NaN,NaN, Infinity]`: true, `{"a":NaN}`: true, `"NaN"`: true,
		`-NaN`: false, `5-Infinity`: false, `{"a":1-NaN}`: false, `NaN.5`: false, `{NaN:1}`: false, `+Infinity`: false,
	} {
		if got := isJSON(s); got != want {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// TestCasesAreUnicodes has the verdicts of str.isupper and str.islower.
func TestCasesAreUnicodes(t *testing.T) {
	for s, want := range map[string][2]bool{
		"THE 1ª": {false, false}, "Ⓐ": {true, false}, "Ⅷ": {true, false}, "ⅷ": {false, true}, "ABCʰ": {false, false},
		"ABC 1": {true, false}, "ǅ": {false, false}, "12": {false, false},
	} {
		if got := [2]bool{isUpper(s), isLower(s)}; got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

// TestLanguages: an answer in one language follows no instruction to write another, whatever its code.
func TestLanguages(t *testing.T) {
	for answer, want := range map[string]string{
		"این یک جمله ساده فارسی درباره هوای بهار است.": "fa", "Это простое русское предложение о погоде весной.": "ru",
		"ಇದು ವಸಂತ ಕಾಲದ ಹವಾಮಾನದ ಬಗ್ಗೆ ಸರಳ ಕನ್ನಡ ವಾಕ್ಯ.": "kn", "12 + 5": "",
	} {
		if got := language(answer); got != want {
			t.Errorf("%s: %q, want %q", answer, got, want)
		}
	}
	if got := language("ⵜⴰⵎⴰⵣⵉⵖⵜ ⵜⴰⵎⴰⵣⵉⵖⵜ"); got != unknownLanguage {
		t.Errorf("letters of no known language: %q, want %q", got, unknownLanguage)
	}
}

// TestSentences has counts of nltk's that words of other scripts and spaces would change.
func TestSentences(t *testing.T) {
	for s, want := range map[string]int{
		"².\nworld; a": 1, "yes.\u00a0#tag? p.": 2, "a.m.\u2028ΣΑΣ.\" ": 1, "It is १. Then it is २. Done.": 3,
	} {
		if got := len(sentencesOf(s)); got != want {
			t.Errorf("%q has %d sentences, want %d: %q", s, got, want, sentencesOf(s))
		}
	}
}
