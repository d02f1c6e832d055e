import { storeContract } from '../../contract/store.ts';
import { openSubject } from './postgres-subject.ts';

storeContract('PostgreSQL', () => openSubject());
