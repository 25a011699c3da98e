import { renderToString } from 'preact-render-to-string'
import { type ChangesData, ChangesPage } from './changes.tsx'
import { type ExplainData, ExplainPage } from './explain.tsx'
import { type Frame, Page, Text } from './layout.tsx'
import { PollersPage } from './pollers.tsx'
import { type SourcesData, SourcesPage } from './sources.tsx'
import { StatusPage } from './status.tsx'
import { type TargetsData, TargetsPage } from './targets.tsx'

/** A page and its data. */
export type Content =
  | { readonly page: 'Sources'; readonly data: SourcesData }
  | { readonly page: 'Targets'; readonly data: TargetsData }
  | { readonly page: 'Explain'; readonly data: ExplainData }
  | { readonly page: 'Changes'; readonly data: ChangesData }
  | { readonly page: 'Pollers'; readonly data: Parameters<typeof PollersPage>[0]['data'] }
  | { readonly page: 'Status'; readonly data: Parameters<typeof StatusPage>[0]['data'] }
  | { readonly page: 'Error'; readonly data: string }

/** Renders a page as HTML. All data is escaped as text, so that none of it can run. */
export function render(content: Content, frame: Frame): string {
  return `<!doctype html>\n${renderToString(<Page frame={frame}>{bodyOf(content, frame)}</Page>)}\n`
}

function bodyOf(content: Content, frame: Frame) {
  switch (content.page) {
    case 'Sources':
      return <SourcesPage data={content.data} frame={frame} />
    case 'Targets':
      return <TargetsPage data={content.data} frame={frame} />
    case 'Explain':
      return <ExplainPage data={content.data} frame={frame} />
    case 'Changes':
      return <ChangesPage data={content.data} frame={frame} />
    case 'Pollers':
      return <PollersPage data={content.data} frame={frame} />
    case 'Status':
      return <StatusPage data={content.data} frame={frame} />
    case 'Error':
      return <ErrorPage message={content.data} />
  }
}

function ErrorPage({ message }: { message: string }) {
  return (
    <>
      <h1>This page cannot be shown</h1>
      <p class="note bad" role="alert">
        <Text>{message}</Text>
      </p>
    </>
  )
}
