/** Shells that can be told how the command line goes on. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** Printed instead of candidates where a file is asked for, which the shell itself knows best. */
export const filesMark = ':files'

/** What a shell reads to complete `hdsync`; it asks `hdsync __complete`, so it never has to be made anew. */
export const scripts: Readonly<Record<Shell, string>> = {
  bash: `# hdsync completion bash > /etc/bash_completion.d/hdsync
_hdsync() {
  local word line
  local -a words=()
  # Bash takes --source=home apart at the =, and completes what stands behind it.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#words[@]} -gt 0 && ( $word == = || -n $word && \${words[-1]} == *= ) ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  local current=\${words[-1]} written=\${COMP_WORDS[COMP_CWORD]#=}
  local start=\${current%"$written"} value=\${current#--*=}
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
  if [[ \${COMPREPLY[0]} == ${filesMark} ]]; then
    mapfile -t COMPREPLY < <(compgen -P "\${current%"$value"}" -f -- "$value")
    compopt -o filenames 2>/dev/null
  fi
  COMPREPLY=("\${COMPREPLY[@]#"$start"}")
}
complete -F _hdsync hdsync
`,
  zsh: `#compdef hdsync
# hdsync completion zsh > /usr/local/share/zsh/site-functions/_hdsync
_hdsync() {
  local line start
  local -a lines candidates
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  # Of --source=home the value alone is completed, and shown.
  if [[ $words[CURRENT] == --*=* ]]; then
    start=\${words[CURRENT]%%=*}=
    compset -P "\${(b)start}"
  fi
  if [[ $lines[1] == ${filesMark} ]]; then
    _files
    return
  fi
  for line in $lines; do
    line=\${line#"$start"}
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t hdsync hdsync candidates
}
if [[ $funcstack[1] == _hdsync ]]; then
  _hdsync "$@"
else
  compdef _hdsync hdsync
fi
`,
  fish: `# hdsync completion fish > /etc/fish/completions/hdsync.fish
function __hdsync_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines (command $words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
  if test "$lines[1]" = ${filesMark}
    set -l parts (string match --regex -- '^(--[^=]+=|)(.*)' "$current")
    for path in (__fish_complete_path "$parts[3]")
      printf '%s%s\\n' "$parts[2]" "$path"
    end
  else
    printf '%s\\n' $lines
  end
end
complete --command hdsync --no-files --arguments '(__hdsync_complete)'
`,
}
