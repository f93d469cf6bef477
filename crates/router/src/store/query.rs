//! Which entries of the execution log are asked for.

use super::RunStatus;
use super::log::LEASE;
use crate::project::Project;

/// Entries of a project's execution log. What is none is not asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// The project.
    pub project: Project,
    /// The entry with this id.
    pub id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The session's user.
    pub user_id: Option<String>,
    /// The tool, by its slug as it was logged.
    pub tool_slug: Option<String>,
    /// How the run ended.
    pub status: Option<RunStatus>,
    /// Not those that began before, milliseconds since 1970.
    pub since: Option<i64>,
    /// Only those that began before, milliseconds since 1970.
    pub until: Option<i64>,
    /// Those that follow the entry with this id in the order asked for.
    pub after: Option<String>,
    /// Whether the oldest come first.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: u64,
}

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound<'a> {
    Text(&'a str),
    Number(i64),
}

impl LogQuery {
    /// The newest entries of a project.
    #[must_use]
    pub fn newest(project: Project, limit: u64) -> Self {
        Self {
            project,
            id: None,
            session_id: None,
            user_id: None,
            tool_slug: None,
            status: None,
            since: None,
            until: None,
            after: None,
            oldest_first: false,
            limit,
        }
    }

    /// A statement and its values, by a term for the time of the database and the sign of a numbered value. Its columns are
    /// those of the table without the project; the last is whether a call that has not ended is under way.
    pub(super) fn statement(&self, now: &str, sign: char) -> (String, Vec<Bound<'_>>) {
        // A clock that was set back must not make a call of a dead process one that is under way for long.
        let alive = format!("(alive_until BETWEEN {now} AND {now} + {})", LEASE.as_millis());
        let mut values = vec![Bound::Text(self.project.as_str())];
        let mut terms = vec![format!("project = {sign}1")];
        let mut more = Vec::new();
        let texts = [("id =", &self.id), ("session_id =", &self.session_id), ("user_id =", &self.user_id)];
        let texts = texts.into_iter().chain([("tool_slug =", &self.tool_slug)]);
        let after = if self.oldest_first { "id >" } else { "id <" };
        for (term, value) in texts.chain([(after, &self.after)]) {
            if let Some(value) = value {
                more.push((term, Bound::Text(value)));
            }
        }
        if let Some(since) = self.since {
            more.push(("started_at >=", Bound::Number(since)));
        }
        if let Some(until) = self.until {
            more.push(("started_at <", Bound::Number(until)));
        }
        if let Some(status) = self.status {
            let stored = if status == RunStatus::Interrupted { RunStatus::Started } else { status };
            more.push(("status =", Bound::Text(stored.name())));
        }
        for (term, value) in more {
            values.push(value);
            terms.push(format!("{term} {sign}{}", values.len()));
        }
        match self.status {
            Some(RunStatus::Started) => terms.push(alive.clone()),
            Some(RunStatus::Interrupted) => terms.push(format!("{alive} IS NOT TRUE")),
            _ => {}
        }
        values.push(Bound::Number(i64::try_from(self.limit).unwrap_or(i64::MAX)));
        let order = if self.oldest_first { "ASC" } else { "DESC" };
        let statement = format!(
            "SELECT id, session_id, user_id, tool_slug, status, error, arguments_size, arguments_hash, started_at, \
             duration, {alive} FROM executions WHERE {} ORDER BY id {order} LIMIT {sign}{}",
            terms.join(" AND "),
            values.len()
        );
        (statement, values)
    }
}
