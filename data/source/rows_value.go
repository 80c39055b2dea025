package source

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

type value = parquet.Value

// converter returns what turns a value of a column, which is not null, into a Field's value.
func converter(e *format.SchemaElement) func(value) any {
	switch t := e.LogicalType.Value.(type) {
	case *format.DecimalType:
		return decimalOf(e, t.Scale)
	case *format.DateType:
		return dateOf
	case *format.TimestampType:
		return timestampOf(unitOf(t.Unit), t.IsAdjustedToUTC)
	case *format.TimeType:
		return timeOf(unitOf(t.Unit))
	case *format.IntType:
		if !t.IsSigned {
			return unsignedOf(e.Type.V)
		}
	case *format.Float16Type:
		return float16Of
	case *format.UUIDType:
		return uuidOf
	case nil:
		if e.ConvertedType.Valid {
			return convertedType(e)
		}
	}
	return plain(e.Type.V)
}

// convertedType is converter for the annotations of old writers.
func convertedType(e *format.SchemaElement) func(value) any {
	switch e.ConvertedType.V {
	case deprecated.Decimal:
		return decimalOf(e, e.Scale.V)
	case deprecated.Date:
		return dateOf
	case deprecated.TimeMillis:
		return timeOf(time.Millisecond)
	case deprecated.TimeMicros:
		return timeOf(time.Microsecond)
	case deprecated.TimestampMillis:
		return timestampOf(time.Millisecond, true)
	case deprecated.TimestampMicros:
		return timestampOf(time.Microsecond, true)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return unsignedOf(e.Type.V)
	}
	return plain(e.Type.V)
}

// plain converts the values of a type without an annotation that changes their meaning.
func plain(t format.Type) func(value) any {
	switch t {
	case format.Boolean:
		return func(v value) any { return v.Boolean() }
	case format.Int32:
		return func(v value) any { return int64(v.Int32()) }
	case format.Int64:
		return func(v value) any { return v.Int64() }
	case format.Int96:
		return int96Of
	case format.Float:
		return func(v value) any { return float64(v.Float()) }
	case format.Double:
		return func(v value) any { return v.Double() }
	}
	return func(v value) any { return string(v.ByteArray()) }
}

func unsignedOf(t format.Type) func(value) any {
	if t == format.Int32 {
		return func(v value) any { return int64(v.Uint32()) }
	}
	return func(v value) any {
		if u := v.Uint64(); u > math.MaxInt64 {
			return strconv.FormatUint(u, 10)
		}
		return v.Int64()
	}
}

func isDecimal(e *format.SchemaElement) bool {
	_, ok := e.LogicalType.Value.(*format.DecimalType)
	return ok || e.ConvertedType.Valid && e.ConvertedType.V == deprecated.Decimal
}

// decimalOf writes whole numbers, or bytes that hold one in big-endian two's complement, with a
// decimal point before the last scale digits.
func decimalOf(e *format.SchemaElement, scale int32) func(value) any {
	whole := func(v value) *big.Int { return big.NewInt(v.Int64()) }
	switch e.Type.V {
	case format.Int32:
		whole = func(v value) *big.Int { return big.NewInt(int64(v.Int32())) }
	case format.ByteArray, format.FixedLenByteArray:
		whole = func(v value) *big.Int { return twosComplement(v.ByteArray()) }
	}
	digits := min(max(int(scale), 0), 1000)
	return func(v value) any {
		n := whole(v)
		text := new(big.Int).Abs(n).String()
		text = strings.Repeat("0", max(0, digits+1-len(text))) + text
		if digits > 0 {
			text = text[:len(text)-digits] + "." + text[len(text)-digits:]
		}
		if n.Sign() < 0 {
			text = "-" + text
		}
		return text
	}
}

func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

func dateOf(v value) any {
	return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().Format(time.DateOnly)
}

func unitOf(u format.TimeUnit) time.Duration {
	switch u.Value.(type) {
	case *format.MilliSeconds:
		return time.Millisecond
	case *format.MicroSeconds:
		return time.Microsecond
	}
	return time.Nanosecond
}

func timestampOf(unit time.Duration, utc bool) func(value) any {
	perSecond := int64(time.Second / unit)
	return func(v value) any {
		n := v.Int64()
		return timestamp(time.Unix(n/perSecond, n%perSecond*int64(unit)), utc)
	}
}

// timestamp is text as Python's str(datetime) is, with nanoseconds if there are any.
func timestamp(t time.Time, utc bool) string {
	layout := time.DateTime + fraction(t.Nanosecond())
	if utc {
		layout += "+00:00"
	}
	return t.UTC().Format(layout)
}

func fraction(nanoseconds int) string {
	switch {
	case nanoseconds == 0:
		return ""
	case nanoseconds%1000 == 0:
		return ".000000"
	}
	return ".000000000"
}

func timeOf(unit time.Duration) func(value) any {
	return func(v value) any {
		n := v.Int64()
		if unit == time.Millisecond {
			n = int64(v.Int32()) // the type of times in milliseconds
		}
		t := time.Unix(0, n*int64(unit)).UTC()
		return t.Format(time.TimeOnly + fraction(t.Nanosecond()))
	}
}

// int96Of converts the timestamps of old writers: nanoseconds of the day, and the Julian day.
func int96Of(v value) any {
	const epoch = 2440588 // the Julian day of 1970-01-01
	b := v.Int96()
	nanoseconds := int64(b[1])<<32 | int64(b[0])
	return timestamp(time.Unix((int64(int32(b[2]))-epoch)*24*60*60, nanoseconds), false)
}

func uuidOf(v value) any {
	b := v.ByteArray()
	if len(b) != 16 {
		return string(b)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// float16Of converts an IEEE 754 half precision number.
func float16Of(v value) any {
	b := v.ByteArray()
	if len(b) != 2 {
		return string(b)
	}
	bits := binary.LittleEndian.Uint16(b)
	sign, exponent, mantissa := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	switch {
	case exponent == 31 && mantissa != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return math.Copysign(math.Ldexp(mantissa, -24), sign)
	}
	return sign * math.Ldexp(1024+mantissa, exponent-25)
}
