// What the page does beyond being read: it works without this file.

const { dataset } = document.body

// The reader's own time beside that of the server, where they differ.
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone
for (const time of document.querySelectorAll('time[title]')) {
  const own = new Date(time.dateTime).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' })
  if (own !== time.title) time.title += ` (${own} ${ownZone})`
}

// A command is copied by a click on it.
for (const code of document.querySelectorAll('code[data-copy]')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = 'copy'
  button.setAttribute('aria-label', `Copy ${code.textContent}`)
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.textContent)
      button.textContent = 'copied'
    } catch {
      getSelection()?.selectAllChildren(code)
    }
  })
  code.after(button)
}

// Dark or light, as the system has it until somebody chooses. The server reads the choice, so that no view flashes.
const themes = document.querySelector('[data-theme-switch]')
if (themes) {
  themes.hidden = false
  themes.addEventListener('click', () => {
    const root = document.documentElement
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset.theme = isDark ? 'light' : 'dark'
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere.
    document.cookie = `hdsync-theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Strict`
  })
}

// While something goes on, the view is drawn again as events come, at most once a second.
if (dataset.live) {
  const source = new EventSource(dataset.live)
  let isDue = false
  const draw = async () => {
    isDue = false
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!answer.ok || answer.redirected) return source.close()
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const open = [...document.querySelectorAll('details[open][id]')].map(({ id }) => id)
    document.querySelector('main').replaceChildren(...fresh.querySelector('main').childNodes)
    for (const id of open) document.getElementById(id)?.setAttribute('open', '')
    if (!fresh.body.dataset.live) source.close()
  }
  const later = () => {
    if (!isDue) setTimeout(draw, 1000)
    isDue = true
  }
  source.addEventListener('event', later)
  source.addEventListener('progress', ({ data }) => {
    const bar = document.querySelector('progress[data-progress]')
    const { progress } = JSON.parse(data)
    if (bar && typeof progress?.fraction === 'number') bar.value = progress.fraction
  })
  source.addEventListener('end', later)
}
