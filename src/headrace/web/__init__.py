"""Pages: templates, assets and the handlers that render them. They ask the API's services, never the store."""
