# Prints the commands of a cloud-config's `runcmd` block as shell lines.
function unquote(text) {
  if (text ~ /^".*"$/) { text = substr(text, 2, length(text) - 2); gsub(/\\"/, "\"", text); gsub(/\\\\/, "\\", text) }
  else if (text ~ /^'.*'$/) { text = substr(text, 2, length(text) - 2); gsub(/''/, "'", text) }
  return text
}
function shellword(text) { gsub(/'/, "'\\''", text); return "'" text "'" }
function flow(text,   out, rest, word, quote) {
  rest = substr(text, 2, length(text) - 2)
  out = ""
  while (length(rest) > 0) {
    sub(/^[ ,]+/, "", rest)
    if (rest == "") break
    quote = substr(rest, 1, 1)
    if (quote == "\"") { match(rest, /^"([^"\\]|\\.)*"/) }
    else if (quote == "'") { match(rest, /^'([^']|'')*'/) }
    else { match(rest, /^[^,]+/) }
    if (RLENGTH <= 0) break
    word = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1)
    sub(/ +$/, "", word)
    out = out " " shellword(unquote(word))
  }
  return substr(out, 2)
}
/^runcmd:/ { active = 1; next }
active && /^[^ \t#-]/ { active = 0 }
active && /^[ \t]*-[ \t]+/ {
  line = $0
  sub(/^[ \t]*-[ \t]+/, "", line)
  sub(/[ \t\r]+$/, "", line)
  if (line ~ /^\[.*\]$/) print flow(line)
  else print unquote(line)
}
