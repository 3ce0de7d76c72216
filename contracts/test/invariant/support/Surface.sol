// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IBurner} from "../../../src/interfaces/IBurner.sol";
import {IEmission} from "../../../src/interfaces/IEmission.sol";
import {IEscrow} from "../../../src/interfaces/IEscrow.sol";
import {IGroupKeyConsumer} from "../../../src/interfaces/IGroupKeyConsumer.sol";
import {IIO} from "../../../src/interfaces/IIO.sol";
import {IIOSD} from "../../../src/interfaces/IIOSD.sol";
import {IModelRegistry} from "../../../src/interfaces/IModelRegistry.sol";
import {IOracleRegistry} from "../../../src/interfaces/IOracleRegistry.sol";
import {IParameters} from "../../../src/interfaces/IParameters.sol";
import {IPriceFeed} from "../../../src/interfaces/IPriceFeed.sol";
import {IRewardsDistributor} from "../../../src/interfaces/IRewardsDistributor.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {IWorkerRegistry} from "../../../src/interfaces/IWorkerRegistry.sol";
import {Books, Entry} from "./Books.sol";
import {IVotingGovernor} from "../../support/Voting.sol";

/// @notice Every function of every contract that changes something.
abstract contract Surface is Books {
    function listEntries() internal {
        add(
            address(io),
            [IIO.mint.selector, IIO.burnFrom.selector, io.transfer.selector, io.transferFrom.selector]
        );
        add(
            address(io),
            [io.approve.selector, io.permit.selector, io.delegate.selector, io.delegateBySig.selector]
        );
        add(
            address(iosd),
            [IIOSD.mint.selector, IIOSD.spend.selector, iosd.transfer.selector, iosd.transferFrom.selector]
        );
        add(
            address(iosd),
            [iosd.approve.selector, iosd.permit.selector, iosd.approve.selector, iosd.permit.selector]
        );
        bytes4 update = IPriceFeed.update.selector;
        bytes4 setKey = IGroupKeyConsumer.setGroupKey.selector;
        add(address(feed), [update, IPriceFeed.updateWithQuorum.selector, setKey, update]);
        bytes4[4] memory burns = [
            IBurner.burnExactIn.selector,
            IBurner.burnExactOut.selector,
            IBurner.burnExactInWithReport.selector,
            IBurner.burnExactOutWithReport.selector
        ];
        add(address(burner), burns);
        burns = [
            IBurner.burnExactInWithPermit.selector,
            IBurner.burnExactOutWithPermit.selector,
            IBurner.burnClaimed.selector,
            IBurner.pause.selector
        ];
        add(address(burner), burns);
        bytes4[4] memory rules_ = [
            IOracleRegistry.proposeMembers.selector,
            IOracleRegistry.rotateGroupKey.selector,
            IOracleRegistry.suspendEquivocator.selector,
            IOracleRegistry.installSet.selector
        ];
        add(address(registry), rules_);
        bytes4[4] memory settles = [
            ISettlement.settle.selector,
            ISettlement.settleWithQuorum.selector,
            ISettlement.activate.selector,
            ISettlement.veto.selector
        ];
        add(address(settlement), settles);
        bytes4 empty = ISettlement.settleEmpty.selector;
        add(address(settlement), [empty, setKey, empty, setKey]);
        bytes4[4] memory pays = [
            IEscrow.deposit.selector,
            IEscrow.requestWithdraw.selector,
            IEscrow.cancel.selector,
            IEscrow.finish.selector
        ];
        add(address(escrow), pays);
        bytes4 spender = IEscrow.setSpender.selector;
        add(address(escrow), [spender, IEscrow.debit.selector, IEscrow.skip.selector, spender]);
        bytes4[4] memory claims = [
            IRewardsDistributor.claim.selector,
            IRewardsDistributor.claimMany.selector,
            IRewardsDistributor.claimAsIosd.selector,
            IRewardsDistributor.fund.selector
        ];
        add(address(distributor), claims);
        bytes4 one = IModelRegistry.register.selector;
        add(address(models), [one, IModelRegistry.newVersion.selector, IModelRegistry.retire.selector, one]);
        bytes4 two = IWorkerRegistry.register.selector;
        add(address(workers), [two, two, two, two]);
        bytes4 three = IRewardsDistributor.setPayout.selector;
        add(address(distributor), [three, three, three, three]);
        bytes4 mints = IEmission.mintEpoch.selector;
        bytes4 set = IParameters.set.selector;
        add(address(emission), [mints, mints, mints, mints]);
        add(address(parameters), [set, set, set, set]);
        TimelockController lock = timelock;
        bytes4[4] memory locks =
            [lock.schedule.selector, lock.execute.selector, lock.updateDelay.selector, lock.cancel.selector];
        add(address(timelock), locks);
        bytes4 batch = lock.scheduleBatch.selector;
        bytes4 grant = IAccessControl.grantRole.selector;
        add(address(timelock), [batch, lock.executeBatch.selector, grant, IAccessControl.revokeRole.selector]);
        IVotingGovernor ruler = governor;
        add(
            address(governor),
            [ruler.propose.selector, ruler.queue.selector, ruler.relay.selector, governor.castVote.selector]
        );
    }

    function add(address target, bytes4[4] memory selectors) private {
        for (uint256 i = 0; i < 4; ++i) {
            entries.push(Entry(target, selectors[i]));
        }
    }
}
