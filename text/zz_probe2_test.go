package text
import ("testing";"os";"bufio";"encoding/json";"golang.org/x/text/unicode/norm";"unicode";"fmt")
func TestProbeCps(t *testing.T){
 f,_:=os.Open("/tmp/xt/cps.jsonl"); sc:=bufio.NewScanner(f)
 low:=func(s string)string{return applyEdits(s,lowercase{}.edits(s,nil))}
 bad:=map[string][]string{}
 fmt.Println(unicode.Version, norm.Version)
 for sc.Scan(){ var v []any; if err:=json.Unmarshal(sc.Bytes(),&v);err!=nil{t.Fatal(err)}
  c:=rune(v[0].(float64)); s:=string(c)
  if norm.NFKC.String(s)!=v[1]{bad["nfkc"]=append(bad["nfkc"],fmt.Sprintf("%U(%q/%q)",c,v[1],norm.NFKC.String(s)))}
  if norm.NFC.String(s)!=v[6]{bad["nfc"]=append(bad["nfc"],fmt.Sprintf("%U(%q)",c,v[6]))}
  if low(s)!=v[2]{bad["lower"]=append(bad["lower"],fmt.Sprintf("%U(%q)",c,v[2]))}
  ws:=1; if unicode.IsSpace(c){ws=2}
  if ws!=int(v[3].(float64)){bad["ws"]=append(bad["ws"],fmt.Sprintf("%U(%v)",c,v[3]))}
  pu:=1; if isPunctuation(c){pu=3}
  if pu!=int(v[4].(float64)){bad["punct"]=append(bad["punct"],fmt.Sprintf("%U(%v)",c,v[4]))}
  if 3!=int(v[5].(float64)){bad["split"]=append(bad["split"],fmt.Sprintf("%U(%v)",c,v[5]))}
 }
 for k,v:=range bad{ fmt.Println(k,len(v),v)}
}
