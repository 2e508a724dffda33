def toarray: if type == "array" then . else [.] end;
def leaf_paths: paths(scalars);
def IN(s): . as $x | any(s; . == $x);
def IN(src; s): any(src; IN(s));
def INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);
def INDEX(f): INDEX(.[]; f);

def cell(quoted):
  if . == null then "" elif isboolean or isnumber then tostring elif isstring then quoted
  else error("a row holds texts, numbers, true, false and null") end;
def row(quoted; $separator):
  if isarray then [.[] | cell(quoted)] | join($separator) else error("a row is an array") end;
def @csv: row("\"" + gsub("\""; "\"\"") + "\""; ",");
def @tsv: row(gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n") | gsub("\r"; "\\r"); "\t");
